//! Alongside a server that writes: what its transactions do to rows that a run writes as well.

mod counts;
mod late;
mod undead;

use std::process::{Child, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use sqlx::{PgPool, PgTransaction};
use testkit::{Account, Database, Flavour, World};

use crate::{
    program::{Done, Ostrakon},
    worker::stuck,
};

/// A server's database, the program on it, and the server's own transactions.
struct Fixture {
    pool: PgPool,
    world: World,
    ostrakon: Ostrakon,
    // Dropped last: dropping it ends every connection to the database.
    _database: Database,
}

impl Fixture {
    async fn new(flavour: Flavour) -> Result<Self> {
        let database = Database::create(flavour).await?;
        let ostrakon = Ostrakon::with_least_rights(&database)
            .await?
            .with("OSTRAKON_REDIS_URL", "redis://127.0.0.1:1/0")
            .with("OSTRAKON_SERVER_PUBLISH_WAIT", "0s")
            .with("OSTRAKON_FEDERATION_PER_SECOND", "1000000")
            // The tests hold rows until another session waits for them, however long that takes.
            .with("OSTRAKON_BATCH_LOCK_TIMEOUT", "1m")
            .with("OSTRAKON_BATCH_STATEMENT_TIMEOUT", "2m");
        Ok(Self {
            pool: database.pool(),
            world: World::new(&database),
            ostrakon,
            _database: database,
        })
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
        Ok(self.pool.begin().await?)
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
        stuck(&self.pool, 1).await
    }
}
