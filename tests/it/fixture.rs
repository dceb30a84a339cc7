//! A server's database, and the program on it.

use std::{
    ffi::OsStr,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use serde_json::Value;
use sqlx::PgPool;
use testkit::{Database, Done, Flavour, Ostrakon, State, World, snapshot};

/// Address on which no server listens: port 1 is never assigned.
pub(crate) const NOWHERE: &str = "127.0.0.1:1";

/// A server's database, and the program on it. Without Redis unless [`Fixture::with_redis`] is
/// called.
pub(crate) struct Fixture {
    pub(crate) database: Database,
    pub(crate) world: World,
    pub(crate) ostrakon: Ostrakon,
}

impl Fixture {
    /// Creates a database in which `ostrakon migrate` was never run.
    pub(crate) async fn without_ledger(flavour: Flavour) -> Result<Self> {
        let database = Database::create(flavour).await?;
        let ostrakon = Ostrakon::on(&database);
        Ok(Self::assemble(database, ostrakon))
    }

    fn assemble(database: Database, ostrakon: Ostrakon) -> Self {
        let ostrakon = ostrakon.with("OSTRAKON_REDIS_URL", format!("redis://{NOWHERE}/0"));
        Self { world: World::new(&database), ostrakon, database }
    }

    /// Creates a database with ostrakon's own tables.
    pub(crate) async fn new(flavour: Flavour) -> Result<Self> {
        Self::on(Database::create(flavour).await?).await
    }

    /// Creates ostrakon's own tables in a database.
    pub(crate) async fn on(database: Database) -> Result<Self> {
        let ostrakon = Ostrakon::with_least_rights(&database).await?;
        Ok(Self::assemble(database, ostrakon))
    }

    /// Creates a database whose server is not running: nobody delivers anything, so no run waits for
    /// that.
    pub(crate) async fn without_server(flavour: Flavour) -> Result<Self> {
        Ok(Self::new(flavour).await?.left_by_its_server())
    }

    /// The same database; but nobody delivers anything, so no run waits for that.
    pub(crate) fn left_by_its_server(mut self) -> Self {
        self.ostrakon = self
            .ostrakon
            .with("OSTRAKON_SERVER_PUBLISH_WAIT", "0s")
            .with("OSTRAKON_FEDERATION_PER_SECOND", "1000000");
        self
    }

    /// Connections with all rights.
    pub(crate) fn pool(&self) -> PgPool {
        self.database.pool()
    }

    /// Reads all rows of the server.
    pub(crate) async fn state(&self) -> Result<State> {
        snapshot(&self.pool()).await
    }

    /// Lets the program use the Redis of the test run, with a prefix of this database.
    pub(crate) fn with_redis(mut self) -> Result<Self> {
        let prefix = self.database.url().rsplit('/').next().unwrap_or_default().to_owned();
        self.ostrakon = self
            .ostrakon
            .with("OSTRAKON_REDIS_URL", testkit::redis()?.url())
            .with("OSTRAKON_REDIS_PREFIX", prefix);
        Ok(self)
    }

    /// Runs a command line whose words contain no spaces.
    pub(crate) fn run(&self, line: &str) -> Result<Done> {
        self.run_words(&line.split_whitespace().collect::<Vec<_>>())
    }

    pub(crate) fn run_words<A: AsRef<OsStr>>(&self, words: &[A]) -> Result<Done> {
        self.ostrakon.run(words)
    }

    /// Runs a command with `--json`; returns its exit code and the only object that it prints.
    pub(crate) fn json(&self, line: &str) -> Result<(i32, Value)> {
        let done = self.run(&format!("{line} --json"))?;
        let object = serde_json::from_str(&done.stdout)
            .with_context(|| format!("not one JSON object: {done:?}"))?;
        Ok((done.code, object))
    }

    /// Queues a run; returns its id.
    pub(crate) fn queue(&self, line: &str) -> Result<String> {
        let (code, run) = self.json(&format!("{line} --queue"))?;
        anyhow::ensure!(code == 0, "{line} ended with {code}: {run}");
        Ok(run["run_id"].as_str().context("no run id")?.to_owned())
    }

    /// Reads all rows of the server and of ostrakon.
    pub(crate) async fn rows(&self) -> Result<(State, Vec<Value>)> {
        Ok((self.state().await?, self.ledger().await?))
    }

    /// Reads the ledger's rows; none if there is no ledger.
    pub(crate) async fn ledger(&self) -> Result<Vec<Value>> {
        let pool = self.pool();
        let there: bool = sqlx::query_scalar("select to_regclass('ostrakon.runs') is not null")
            .fetch_one(&pool)
            .await?;
        if !there {
            return Ok(Vec::new());
        }
        let rows = sqlx::query_scalar(
            "select row from (
               select 1 as place, id as key, to_jsonb(r) as row from ostrakon.runs r
               union all select 2, id::text, to_jsonb(e) from ostrakon.run_events e
               union all select 3, run_id || item, to_jsonb(p) from ostrakon.parked_items p
             ) as all_rows order by place, key",
        );
        Ok(rows.fetch_all(&pool).await?)
    }

    /// Waits until `number` runs are queued; returns their ids. It polls, since another process
    /// sends no event to wait for.
    pub(crate) async fn queued(&self, number: usize) -> Result<Vec<String>> {
        let begun = Instant::now();
        loop {
            let ledger = self.ledger().await?;
            let queued = ledger.iter().filter(|row| row["status"] == "queued");
            let ids: Vec<_> =
                queued.filter_map(|run| run["id"].as_str().map(str::to_owned)).collect();
            if ids.len() >= number {
                return Ok(ids);
            }
            anyhow::ensure!(begun.elapsed() < Duration::from_mins(1), "nothing was queued");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Runs a command that must not change anything.
    pub(crate) async fn refused(&self, line: &str) -> Result<Done> {
        let before = self.rows().await?;
        let done = self.run(line)?;
        assert!(before == self.rows().await?, "rows changed: {done:?}");
        Ok(done)
    }

    /// Runs commands that together must not change anything: cheaper than one by one.
    pub(crate) async fn all_refused<L: AsRef<str>>(&self, lines: &[L]) -> Result<Vec<Done>> {
        let before = self.rows().await?;
        let done = lines.iter().map(|line| self.run(line.as_ref())).collect::<Result<_>>()?;
        assert!(before == self.rows().await?, "rows changed: {done:?}");
        Ok(done)
    }

    /// Executes a statement that the test needs.
    pub(crate) async fn sql(&self, statement: &'static str) -> Result<()> {
        sqlx::raw_sql(statement).execute(&self.pool()).await?;
        Ok(())
    }
}
