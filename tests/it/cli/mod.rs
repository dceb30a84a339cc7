//! What the operator sees of the command line, and what a refused command leaves behind.

mod account_list;
mod accounts;
mod action_list;
mod config;
mod confirm;
mod confirm_all;
mod consent;
mod control;
mod credentials;
mod deliveries;
mod fanout;
mod follow_request;
mod forged_history;
mod full;
mod grants;
mod help;
mod hosts;
mod hosts_file;
mod ids;
mod invites;
mod ledger_secrets;
mod listing;
mod maintenance;
mod metrics;
mod mistyped;
mod narrow;
mod new;
mod nobody;
mod odd_input;
mod output;
mod owner;
mod parked;
mod passwords;
mod remote;
mod repair;
mod reported;
mod shapes;
mod staff;
mod switch;
mod tags;
mod timelines;
mod twice;
mod unreachable;
mod usage;
mod via_server;
mod welcome;

use std::{
    ffi::OsStr,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use insta::internals::SettingsBindDropGuard;
use serde_json::Value;
use testkit::{Database, Flavour, State, World, snapshot};

use crate::program::{Done, Ostrakon};

const FLAVOURS: [Flavour; 3] = [Flavour::Pleroma, Flavour::Akkoma, Flavour::Pleroma22];

/// Address on which no server listens: port 1 is never assigned.
const NOWHERE: &str = "127.0.0.1:1";

/// A server's database, and the program on it. Without Redis unless [`Fixture::with_redis`] is
/// called.
struct Fixture {
    database: Database,
    world: World,
    ostrakon: Ostrakon,
}

impl Fixture {
    /// Creates a database in which `ostrakon migrate` was never run.
    async fn without_ledger(flavour: Flavour) -> Result<Self> {
        let database = Database::create(flavour).await?;
        let ostrakon = Ostrakon::on(&database);
        Ok(Self::assemble(database, ostrakon))
    }

    fn assemble(database: Database, ostrakon: Ostrakon) -> Self {
        let ostrakon = ostrakon.with("OSTRAKON_REDIS_URL", format!("redis://{NOWHERE}/0"));
        Self { world: World::new(&database), ostrakon, database }
    }

    /// Creates a database with ostrakon's own tables.
    async fn new(flavour: Flavour) -> Result<Self> {
        let database = Database::create(flavour).await?;
        let ostrakon = Ostrakon::with_least_rights(&database).await?;
        Ok(Self::assemble(database, ostrakon))
    }

    /// Lets the program use the Redis of the test run, with a prefix of this database.
    fn with_redis(mut self) -> Result<Self> {
        let prefix = self.database.url().rsplit('/').next().unwrap_or_default().to_owned();
        self.ostrakon = self
            .ostrakon
            .with("OSTRAKON_REDIS_URL", testkit::redis()?.url())
            .with("OSTRAKON_REDIS_PREFIX", prefix);
        Ok(self)
    }

    /// Runs a command line whose words contain no spaces.
    fn run(&self, line: &str) -> Result<Done> {
        self.run_words(&line.split_whitespace().collect::<Vec<_>>())
    }

    fn run_words<A: AsRef<OsStr>>(&self, words: &[A]) -> Result<Done> {
        self.ostrakon.run(words)
    }

    /// Runs a command with `--json`; returns its exit code and the only object that it prints.
    fn json(&self, line: &str) -> Result<(i32, Value)> {
        let done = self.run(&format!("{line} --json"))?;
        let object = serde_json::from_str(&done.stdout)
            .with_context(|| format!("not one JSON object: {done:?}"))?;
        Ok((done.code, object))
    }

    /// Queues a run; returns its id.
    fn queue(&self, line: &str) -> Result<String> {
        let (code, run) = self.json(&format!("{line} --queue"))?;
        anyhow::ensure!(code == 0, "{line} ended with {code}: {run}");
        Ok(run["run_id"].as_str().context("no run id")?.to_owned())
    }

    /// Reads all rows of the server and of ostrakon.
    async fn rows(&self) -> Result<(State, Vec<Value>)> {
        Ok((snapshot(&self.database.pool()).await?, self.ledger().await?))
    }

    /// Reads the ledger's rows; none if there is no ledger.
    async fn ledger(&self) -> Result<Vec<Value>> {
        let pool = self.database.pool();
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
    async fn queued(&self, number: usize) -> Result<Vec<String>> {
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
    async fn refused(&self, line: &str) -> Result<Done> {
        let before = self.rows().await?;
        let done = self.run(line)?;
        assert!(before == self.rows().await?, "rows changed: {done:?}");
        Ok(done)
    }

    /// Runs commands that together must not change anything: cheaper than one by one.
    async fn all_refused<L: AsRef<str>>(&self, lines: &[L]) -> Result<Vec<Done>> {
        let before = self.rows().await?;
        let done = lines.iter().map(|line| self.run(line.as_ref())).collect::<Result<_>>()?;
        assert!(before == self.rows().await?, "rows changed: {done:?}");
        Ok(done)
    }

    /// Executes a statement that the test needs.
    async fn sql(&self, statement: &'static str) -> Result<()> {
        sqlx::raw_sql(statement).execute(&self.database.pool()).await?;
        Ok(())
    }
}

/// Masks in snapshots what differs each time, until the guard is dropped.
fn redacted() -> SettingsBindDropGuard {
    let mut settings = insta::Settings::clone_current();
    for (pattern, replacement) in [
        ("[0-9A-HJKMNP-TV-Z]{26}", "<run>"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", "<time>"),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "<time>"),
        (r"tester@[^\s)]+", "tester@<machine>"),
        (r"[\w.-]+-\d+-<run>", "<worker>"),
        (r"127\.0\.0\.1:\d{3,5}", "<address>"),
        (r"t_(pleroma|akkoma|pleroma22)_[0-9a-f]{32}", "<database>"),
        (r"/tmp/[^\s)]*?([\w-]+\.toml)", "<folder>/$1"),
    ] {
        settings.add_filter(pattern, replacement);
    }
    settings.bind_to_scope()
}
