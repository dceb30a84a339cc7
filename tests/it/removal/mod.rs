//! `ostrakon user rm`, beyond the recordings.

mod announce_deletion;
mod batches;
mod memory;
mod owned_rows;
mod silence;

use std::ops::Deref;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use testkit::{Account, Flavour};

use crate::fixture::Fixture;

/// A server's database with alice in it, and the program on it.
struct Removal {
    fixture: Fixture,
    alice: Account,
}

impl Deref for Removal {
    type Target = Fixture;

    fn deref(&self) -> &Fixture {
        &self.fixture
    }
}

impl Removal {
    async fn new(flavour: Flavour) -> Result<Self> {
        let fixture = Fixture::without_server(flavour).await?;
        let alice = fixture.world.local("alice").await?;
        Ok(Self { fixture, alice })
    }

    /// Makes alice's account one that was never confirmed, in the way of the flavour.
    async fn never_confirmed(&self) -> Result<()> {
        self.sql(match self.database.flavour() {
            Flavour::Pleroma22 => {
                "update users set approval_pending = true where nickname = 'alice'"
            }
            _ => "update users set is_confirmed = false where nickname = 'alice'",
        })
        .await
    }

    /// Reads the arguments of the server's jobs with this `op`.
    async fn jobs(&self, op: &str) -> Result<Vec<Value>> {
        let state = self.state().await?;
        let jobs = state.rows("oban_jobs").iter().filter(|job| job["args"]["op"] == op);
        Ok(jobs.map(|job| job["args"].clone()).collect())
    }

    async fn alice_row(&self) -> Result<Value> {
        let state = self.state().await?;
        let row = state.rows("users").iter().find(|row| row["id"] == json!(self.alice.id()));
        row.cloned().context("alice's row is gone")
    }
}

/// Inboxes of deliveries, sorted.
fn inboxes(jobs: &[Value]) -> Vec<&str> {
    let mut inboxes: Vec<&str> =
        jobs.iter().filter_map(|job| job["params"]["inbox"].as_str()).collect();
    inboxes.sort_unstable();
    inboxes
}
