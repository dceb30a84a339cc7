//! Fills a database with accounts and posts in sentences: `alice.posts("hello").public()`,
//! `bob.likes(&post)`. The rows have the shapes observed in the real programs.

mod account;
mod draft;
mod note;
mod reaction;
mod relation;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::sync::OnceCell;
use uuid::{Builder, Uuid};

pub use account::Account;
pub use draft::{Draft, Post};

use crate::database::Database;
use crate::flavour::Flavour;
use crate::sql::put_together;

/// Base URL of the server that owns the database.
pub const BASE: &str = "https://peer.example";

/// The collection that makes a post public.
pub const PUBLIC: &str = "https://www.w3.org/ns/activitystreams#Public";

/// First moment of every world, 2025-01-01 00:00:00 UTC, in milliseconds: long enough ago that a
/// row written now has visibly changed.
const BEGINNING: u64 = 1_735_689_600_000;

/// A database being filled. Its clock advances by one second with every row that has an id of its
/// own, so two runs of a test generate the same ids. Use one world per database.
#[derive(Debug, Clone)]
pub struct World {
    flavour: Flavour,
    pool: PgPool,
    clock: Arc<AtomicU64>,
    columns: Arc<OnceCell<BTreeMap<String, Vec<String>>>>,
}

/// A moment of a world, and the ids derived from it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment(u64);

impl World {
    /// Begins to fill a database.
    pub fn new(database: &Database) -> Self {
        Self::on(database.flavour(), database.pool())
    }

    /// Begins to fill a custom database with the schema of this flavour.
    pub fn on(flavour: Flavour, pool: PgPool) -> Self {
        Self { flavour, pool, clock: Arc::new(AtomicU64::new(0)), columns: Arc::default() }
    }

    /// Returns the flavour of the database.
    pub fn flavour(&self) -> Flavour {
        self.flavour
    }

    /// Creates an active, confirmed local account.
    pub async fn local(&self, nickname: &str) -> Result<Account> {
        Account::create(self, nickname, None).await
    }

    /// Creates an account of another server, known here as `nickname@host`.
    pub async fn remote(&self, nickname: &str, host: &str) -> Result<Account> {
        Account::create(self, nickname, Some(host)).await
    }

    pub(crate) fn pool(&self) -> &PgPool {
        &self.pool
    }

    pub(crate) fn tick(&self) -> Moment {
        Moment(self.clock.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Inserts a row; missing columns get their defaults. Returns the whole row.
    pub(crate) async fn insert(&self, table: &str, row: Value) -> Result<Value> {
        let columns: Vec<String> = row
            .as_object()
            .context("a row is a JSON object")?
            .keys()
            .map(|column| format!("\"{column}\""))
            .collect();
        let columns = columns.join(", ");
        let statement = format!(
            "insert into {table} ({columns})
             select {columns} from jsonb_populate_record(null::{table}, $1)
             returning to_jsonb({table})"
        );
        sqlx::query_scalar(put_together(statement))
            .bind(row)
            .fetch_one(&self.pool)
            .await
            .with_context(|| format!("cannot insert into {table}"))
    }

    /// Inserts what a release has of a row: releases differ in columns, and in whether the table is
    /// there.
    pub(crate) async fn insert_as_far_as_known(&self, table: &str, mut row: Value) -> Result<()> {
        let Some(columns) = self.columns().await?.get(table) else { return Ok(()) };
        if let Some(row) = row.as_object_mut() {
            row.retain(|column, _| columns.contains(column));
        }
        self.insert(table, row).await?;
        Ok(())
    }

    /// Whether this release has a column.
    pub(crate) async fn has_column(&self, table: &str, column: &str) -> Result<bool> {
        let columns = self.columns().await?.get(table);
        Ok(columns.is_some_and(|columns| columns.iter().any(|name| name == column)))
    }

    /// Columns of each table, read once.
    async fn columns(&self) -> Result<&BTreeMap<String, Vec<String>>> {
        let read = async || {
            let tables: Vec<(String, Vec<String>)> = sqlx::query_as(
                "select c.relname::text, array_agg(a.attname::text)
                 from pg_class c
                 join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
                 where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
                 group by 1",
            )
            .fetch_all(&self.pool)
            .await?;
            anyhow::Ok(tables.into_iter().collect())
        };
        self.columns.get_or_try_init(read).await
    }

    /// Inserts a row with `inserted_at`, `updated_at` and a numeric id, and returns the id.
    pub(crate) async fn insert_dated(
        &self,
        table: &str,
        at: Moment,
        mut row: Value,
    ) -> Result<i64> {
        row["inserted_at"] = json!(at.second());
        row["updated_at"] = json!(at.second());
        let row = self.insert(table, row).await?;
        row["id"].as_i64().with_context(|| format!("{table} has no number as id"))
    }

    /// Notifies a local account of another account's activity.
    pub(crate) async fn notify(
        &self,
        account: &Account,
        kind: &str,
        activity: Uuid,
        by: &Account,
        at: Moment,
    ) -> Result<()> {
        if account.is_local() && account.id() != by.id() {
            let row = json!({"user_id": account.id(), "activity_id": activity, "type": kind});
            self.insert_dated("notifications", at, row).await?;
        }
        Ok(())
    }
}

impl Moment {
    /// Returns the flake id of this moment.
    pub(crate) fn flake(self) -> Uuid {
        let worker = 0x6b65_6e6f_6d61;
        Uuid::from_u128((u128::from(self.milliseconds()) << 64) | (worker << 16))
    }

    /// Returns a random-looking id that is unique to this moment, for ActivityPub ids.
    pub(crate) fn random(self, salt: u64) -> Uuid {
        let mixed = u128::from(self.0).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
            ^ u128::from(salt).wrapping_mul(0xc2b2_ae3d_27d4_eb4f_1656_67b1_9e37_79f9);
        Builder::from_random_bytes(mixed.to_be_bytes()).into_uuid()
    }

    /// Returns the number of this moment in its world, for the ids of other servers.
    pub(crate) fn number(self) -> u64 {
        self.0
    }

    /// Returns the time as the servers store it in columns.
    pub(crate) fn second(self) -> String {
        self.time().format("%Y-%m-%dT%H:%M:%S").to_string()
    }

    /// Returns the time as the servers write it in JSON.
    pub(crate) fn published(self) -> String {
        self.time().format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
    }

    fn milliseconds(self) -> u64 {
        BEGINNING + self.0 * 1000
    }

    fn time(self) -> DateTime<Utc> {
        i64::try_from(self.milliseconds())
            .ok()
            .and_then(DateTime::from_timestamp_millis)
            .unwrap_or_default()
    }
}
