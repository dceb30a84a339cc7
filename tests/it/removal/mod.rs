//! `ostrakon user rm`, beyond the recordings.

mod announce_deletion;
mod batches;
mod memory;
mod owned_rows;
mod silence;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use testkit::{Account, Database, Flavour, State, World, snapshot};

use crate::program::{Done, Ostrakon};

/// A server's database with alice in it, and the program on it.
struct Fixture {
    database: Database,
    world: World,
    alice: Account,
    ostrakon: Ostrakon,
}

impl Fixture {
    async fn new(flavour: Flavour) -> Result<Self> {
        let database = Database::create(flavour).await?;
        let world = World::new(&database);
        let alice = world.local("alice").await?;
        // No server is running whose deliveries could be awaited.
        let ostrakon = Ostrakon::with_least_rights(&database)
            .await?
            .with("OSTRAKON_REDIS_URL", "redis://127.0.0.1:1/0")
            .with("OSTRAKON_SERVER_PUBLISH_WAIT", "0s")
            .with("OSTRAKON_FEDERATION_PER_SECOND", "1000000");
        Ok(Self { database, world, alice, ostrakon })
    }

    fn run(&self, line: &str) -> Result<Done> {
        self.ostrakon.run(&line.split_whitespace().collect::<Vec<_>>())
    }

    async fn rows(&self) -> Result<State> {
        snapshot(&self.database.pool()).await
    }

    async fn sql(&self, statement: &'static str) -> Result<()> {
        sqlx::raw_sql(statement).execute(&self.database.pool()).await?;
        Ok(())
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
        let state = self.rows().await?;
        let jobs = state.rows("oban_jobs").iter().filter(|job| job["args"]["op"] == op);
        Ok(jobs.map(|job| job["args"].clone()).collect())
    }

    async fn alice_row(&self) -> Result<Value> {
        let state = self.rows().await?;
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
