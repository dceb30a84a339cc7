//! One measurement, and the state that it leaves.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use sqlx::{Connection as _, PgConnection};
use testkit::Postgres;
use tokio::process::Child;
use tokio::time::{MissedTickBehavior, interval};

use super::kind::Kind;
use crate::kenoma::Kenoma;

/// How often the measured process and its transaction are looked at.
const GLANCE: Duration = Duration::from_millis(25);

/// What a run took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured {
    pub(super) seconds: f64,
    /// SQL statements from outside; what triggers and foreign keys do is not counted.
    pub(super) statements: f64,
    /// Longest transaction of a batch; for kenoma as seen by a glance every 25 ms.
    pub(super) longest_ms: f64,
    /// Largest resident memory of the process.
    pub(super) memory_kib: Option<f64>,
}

/// Runs the bare procedure.
pub(super) async fn floor(postgres: &Postgres, database: &str, kind: Kind) -> Result<Measured> {
    let mut db = PgConnection::connect(&postgres.url(database)).await?;
    let [.., subject] = kind.command();
    let begun = Instant::now();
    let (batches, statements, longest_ms): (i32, i32, f64) = sqlx::query_as(kind.call())
        .bind(subject)
        .fetch_one(&mut db)
        .await
        .context("the bare procedure failed")?;
    let seconds = begun.elapsed().as_secs_f64();
    db.close().await?;
    // The commits are statements as well.
    let statements = f64::from(statements + batches);
    Ok(Measured { seconds, statements, longest_ms, memory_kib: None })
}

/// Runs kenoma, from the start of its process to its end.
pub(super) async fn kenoma(
    postgres: &Postgres,
    database: &str,
    kenoma: &Kenoma,
    kind: Kind,
) -> Result<Measured> {
    let mut admin = PgConnection::connect(&postgres.url("postgres")).await?;
    sqlx::query("select pg_stat_statements_reset()").execute(&mut admin).await?;
    let mut command = kenoma.command(&kind.command());
    // The bare procedure tells the running server nothing either.
    command.env("KENOMA_SERVER_REFRESH", "off");
    command.args(["--inline", "--yes", "--json"]).stdout(Stdio::null()).stderr(Stdio::piped());
    let begun = Instant::now();
    let mut process = command.spawn().context("kenoma cannot be started")?;
    let mut watched = Watched::default();
    let mut glances = interval(GLANCE);
    glances.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let status = loop {
        tokio::select! {
            status = process.wait() => break status?,
            _ = glances.tick() => watched.glance(&process, &mut admin, database).await?,
        }
    };
    let seconds = begun.elapsed().as_secs_f64();
    if !status.success() {
        let said = process.wait_with_output().await?.stderr;
        bail!("kenoma failed ({status}): {}", String::from_utf8_lossy(&said).trim_end());
    }
    let statements = count_statements(&mut admin, database).await?;
    Ok(Measured {
        seconds,
        statements,
        longest_ms: watched.longest_ms,
        memory_kib: Some(watched.memory_kib),
    })
}

#[derive(Default)]
struct Watched {
    longest_ms: f64,
    memory_kib: f64,
}

impl Watched {
    async fn glance(
        &mut self,
        process: &Child,
        admin: &mut PgConnection,
        database: &str,
    ) -> Result<()> {
        if let Some(kib) = process.id().and_then(peak_memory_kib) {
            self.memory_kib = kib;
        }
        let age_ms: Option<f64> = sqlx::query_scalar(
            "select max(extract(epoch from clock_timestamp() - xact_start) * 1000)::float
             from pg_stat_activity where datname = $1 and application_name like 'kenoma:%'",
        )
        .bind(database)
        .fetch_one(admin)
        .await?;
        self.longest_ms = self.longest_ms.max(age_ms.unwrap_or(0.0));
        Ok(())
    }
}

/// Reads the largest resident memory that a process has had.
fn peak_memory_kib(pid: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

async fn count_statements(admin: &mut PgConnection, database: &str) -> Result<f64> {
    let calls = sqlx::query_scalar(
        "select coalesce(sum(calls), 0)::float from pg_stat_statements
         where toplevel and dbid = (select oid from pg_database where datname = $1)",
    )
    .bind(database)
    .fetch_one(admin)
    .await?;
    Ok(calls)
}

/// Rows and digests of the tables that are written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct State(Vec<(String, i64, String)>);

impl State {
    /// Describes the first table that is not the same, with both numbers of rows.
    pub(super) fn first_difference(&self, other: &Self) -> Option<String> {
        let pairs = self.0.iter().zip(&other.0);
        let differing = pairs.clone().find(|(mine, theirs)| mine != theirs);
        if let Some((mine, theirs)) = differing {
            return Some(format!("{} has {} rows, {} has {}", mine.0, mine.1, theirs.0, theirs.1));
        }
        (self.0.len() != other.0.len()).then(|| "a table is empty in one of them".to_owned())
    }

    pub(super) fn describe(&self) -> String {
        let tables = self.0.iter().map(|(name, rows, _)| format!("{name} {rows}"));
        tables.collect::<Vec<_>>().join(", ")
    }
}

/// Reads the state.
pub(super) async fn state(postgres: &Postgres, database: &str) -> Result<State> {
    let mut db = PgConnection::connect(&postgres.url(database)).await?;
    let rows = sqlx::query_as(include_str!("state.sql")).fetch_all(&mut db).await?;
    db.close().await?;
    Ok(State(rows))
}
