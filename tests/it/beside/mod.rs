//! Alongside a server that writes: what its transactions do to rows that a run writes as well.

mod counts;
mod late;
mod undead;

use std::process::{Child, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use sqlx::PgTransaction;
use testkit::{Account, Done, Flavour};

use crate::{fixture::Fixture, worker::stuck};

impl Fixture {
    /// Creates a database in which transactions of the server hold rows.
    async fn with_long_lock_waits(flavour: Flavour) -> Result<Self> {
        let mut fixture = Self::without_server(flavour).await?;
        fixture.ostrakon = fixture
            .ostrakon
            // The tests hold rows until another session waits for them, however long that takes.
            .with("OSTRAKON_BATCH_LOCK_TIMEOUT", "1m")
            .with("OSTRAKON_BATCH_STATEMENT_TIMEOUT", "2m");
        Ok(fixture)
    }

    /// Starts a command that will have to wait for something.
    fn begin(&self, line: &str) -> Result<Child> {
        let arguments: Vec<&str> = line.split_whitespace().collect();
        let mut command = self.ostrakon.command(&arguments);
        Ok(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?)
    }

    /// Waits for a command that [`Self::begin`] started.
    fn end(child: Child) -> Result<Done> {
        Ok(child.wait_with_output().context("ostrakon")?.into())
    }

    /// Begins a transaction of the server.
    async fn request(&self) -> Result<PgTransaction<'static>> {
        Ok(self.pool().begin().await?)
    }

    /// Begins a transaction that holds an object: the batch that reaches the object waits.
    async fn hold_object(&self, row: i64) -> Result<PgTransaction<'static>> {
        let mut request = self.request().await?;
        sqlx::query("select from objects where id = $1 for update")
            .bind(row)
            .execute(&mut *request)
            .await?;
        Ok(request)
    }

    /// Waits until a batch waits for a transaction of the server.
    async fn stuck(&self) -> Result<()> {
        stuck(&self.pool(), 1).await
    }
}
