//! What strangers wrote: documents of any size and form, and far too much of everything.
//!
//! `OSTRAKON_HOSTILE_SEED` and `OSTRAKON_HOSTILE_CASES` generate other documents than the default
//! ones.

mod documents;
mod follows;
mod memory;
mod no_id;
mod portions;
mod posts;
mod rows;

use std::env;

use anyhow::{Context as _, Result};
use serde_json::Value;
use testkit::Account;

use crate::fixture::Fixture;
use documents::Documents;

impl Fixture {
    /// Number that a statement returns for an account (`$1`: its ActivityPub id).
    async fn number(&self, statement: &'static str, account: &Account) -> Result<i64> {
        sqlx::query_scalar(statement)
            .bind(account.ap_id())
            .fetch_one(&self.pool())
            .await
            .with_context(|| statement.to_owned())
    }

    /// Reasons of the items that the last run has parked.
    async fn parked(&self) -> Result<Vec<String>> {
        let rows = sqlx::query_scalar(
            "select reason from ostrakon.parked_items
             where run_id = (select max(id) from ostrakon.runs) order by item",
        );
        Ok(rows.fetch_all(&self.pool()).await?)
    }

    /// The ledger's row of the last run.
    async fn last_run(&self) -> Result<Value> {
        let row =
            sqlx::query_scalar("select to_jsonb(r) from ostrakon.runs r order by id desc limit 1");
        Ok(row.fetch_one(&self.pool()).await?)
    }
}

/// Documents of this test run's cases, each with its seed for the error message.
fn cases() -> impl Iterator<Item = (u64, Documents)> {
    let number = |name: &str, default: u64| {
        env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let first = number("OSTRAKON_HOSTILE_SEED", 1);
    (first..first + number("OSTRAKON_HOSTILE_CASES", 1)).map(|seed| (seed, Documents::new(seed)))
}
