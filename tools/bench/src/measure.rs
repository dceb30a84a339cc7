//! One measurement.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use sqlx::PgConnection;
use tokio::time::{MissedTickBehavior, interval};

use super::env::{BenchEnv, COPY};
use super::kind::Kind;

/// Interval between samples of a measured process and its transaction.
const POLL_INTERVAL: Duration = Duration::from_millis(25);

/// Cost of a run.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Measured {
    /// Time from the start of the first process to the end of the work, by the ledger.
    pub(super) seconds: f64,
    /// Number of SQL statements from clients; those of triggers and foreign keys do not count.
    pub(super) statements: f64,
    /// Longest transaction of a batch, without the counting and the maintenance of tables at the
    /// end; for ostrakon sampled every 25 ms.
    pub(super) longest_ms: f64,
    /// Peak resident memory of the process; 0 for the bare procedure, which has none.
    pub(super) memory_mib: f64,
    /// WAL written meanwhile by all sessions; 0 if it was not measured.
    pub(super) wal_mib: f64,
}

impl Measured {
    /// Returns the figures by name, as they are recorded.
    pub(super) const fn named(&self) -> [(&'static str, f64); 5] {
        let Self { seconds, statements, longest_ms, memory_mib, wal_mib } = *self;
        [
            ("seconds", seconds),
            ("statements", statements),
            ("longest_batch_ms", longest_ms),
            ("memory_mib", memory_mib),
            ("wal_mib", wal_mib),
        ]
    }
}

/// Runs the bare procedure on the copy.
pub(super) async fn floor(env: &BenchEnv, kind: Kind) -> Result<Measured> {
    let mut db = env.connect(COPY).await?;
    // As in ostrakon: compiling costs more than any of these statements.
    sqlx::raw_sql("set jit = off").execute(&mut db).await?;
    let subject = kind.subject();
    let wal_before = wal_mib(&mut db).await?;
    let begun = Instant::now();
    let (batches, statements, longest_ms): (i32, i32, f64) = sqlx::query_as(kind.call())
        .bind(subject)
        .fetch_one(&mut db)
        .await
        .context("the bare procedure failed")?;
    let seconds = begun.elapsed().as_secs_f64();
    // The commits are statements as well.
    let statements = f64::from(statements + batches);
    let wal_mib = wal_mib(&mut db).await? - wal_before;
    Ok(Measured { seconds, statements, longest_ms, memory_mib: 0.0, wal_mib })
}

/// Runs a command with `--inline` on the copy.
pub(super) async fn inline(env: &BenchEnv, words: &[&str]) -> Result<Measured> {
    let mut admin = env.connect("postgres").await?;
    let mut command = env.ostrakon.async_command(words);
    command.args(["--inline", "--yes", "--json"]).stdout(Stdio::null()).stderr(Stdio::piped());
    let wal_before = wal_mib(&mut admin).await?;
    let begun = now()?;
    let mut process = command.spawn().context("ostrakon cannot be started")?;
    let pid = process.id();
    let mut watched = Watched::default();
    let mut lookups = interval(POLL_INTERVAL);
    lookups.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let status = loop {
        tokio::select! {
            status = process.wait() => break status?,
            _ = lookups.tick() => watched.lookup(pid, &mut admin).await?,
        }
    };
    if !status.success() {
        let said = process.wait_with_output().await?.stderr;
        bail!("ostrakon failed ({status}): {}", String::from_utf8_lossy(&said).trim_end());
    }
    let statements = count_statements(&mut admin).await?;
    let wal_mib = wal_mib(&mut admin).await? - wal_before;
    let ended = ended(&mut env.connect(COPY).await?, None).await?;
    let seconds = ended.context("the run did not end")? - begun;
    Ok(Measured { wal_mib, ..watched.measured(seconds, statements) })
}

/// Queues a command on the copy, and takes samples until an already running worker has done it.
pub(super) async fn by_worker(
    env: &BenchEnv,
    words: &[&str],
    worker: Option<u32>,
) -> Result<Measured> {
    let mut admin = env.connect("postgres").await?;
    let mut db = env.connect(COPY).await?;
    let begun = now()?;
    let run = enqueue(env, words).await?;
    let mut watched = Watched::default();
    let mut lookups = interval(POLL_INTERVAL);
    lookups.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let end = loop {
        lookups.tick().await;
        watched.lookup(worker, &mut admin).await?;
        if let Some(end) = ended(&mut db, Some(&run)).await? {
            break end;
        }
    };
    let statements = count_statements(&mut admin).await?;
    Ok(watched.measured(end - begun, statements))
}

/// Queues a command; returns the run's id.
pub(super) async fn enqueue(env: &BenchEnv, words: &[&str]) -> Result<String> {
    let answer = env.answer(&[words, &["--yes", "--json", "--queue"]].concat()).await?;
    let run: Value = serde_json::from_str(answer.trim())?;
    run["run_id"].as_str().map(str::to_owned).with_context(|| format!("no run in {answer}"))
}

/// Returns when a run ended, in seconds since 1970. Without `run`, that is the run requested last.
pub(super) async fn ended(db: &mut PgConnection, run: Option<&str>) -> Result<Option<f64>> {
    let (status, end): (String, Option<f64>) = sqlx::query_as(
        "select status, extract(epoch from finished_at)::float from ostrakon.runs
         where $1::text is null or id = $1 order by id desc limit 1",
    )
    .bind(run)
    .fetch_one(db)
    .await?;
    if matches!(status.as_str(), "failed" | "cancelled" | "paused") {
        bail!("the run is {status}");
    }
    Ok(end)
}

/// Returns the seconds since 1970, by this machine's clock, which the database also uses.
pub(super) fn now() -> Result<f64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64())
}

#[derive(Default)]
struct Watched {
    longest_ms: f64,
    memory_mib: f64,
}

impl Watched {
    async fn lookup(&mut self, process: Option<u32>, admin: &mut PgConnection) -> Result<()> {
        if let Some(mib) = process.and_then(peak_memory_mib) {
            self.memory_mib = mib;
        }
        let age_ms: Option<f64> = sqlx::query_scalar(
            "select max(extract(epoch from clock_timestamp() - xact_start) * 1000)::float
             from pg_stat_activity where datname = $1 and application_name like 'ostrakon:%'
               and application_name <> 'ostrakon:maintenance' and application_name not like '%:recount'",
        )
        .bind(COPY)
        .fetch_one(admin)
        .await?;
        self.longest_ms = self.longest_ms.max(age_ms.unwrap_or(0.0));
        Ok(())
    }

    fn measured(self, seconds: f64, statements: f64) -> Measured {
        let Self { longest_ms, memory_mib } = self;
        Measured { seconds, statements, longest_ms, memory_mib, wal_mib: 0.0 }
    }
}

/// Returns the MiB of WAL since the server was created.
pub(super) async fn wal_mib(db: &mut PgConnection) -> Result<f64> {
    let mib = "select ((pg_current_wal_lsn() - '0/0'::pg_lsn) / 1048576)::float";
    Ok(sqlx::query_scalar(mib).fetch_one(db).await?)
}

/// Returns the peak resident memory of a process.
pub(super) fn peak_memory_mib(pid: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024.0)
}

async fn count_statements(admin: &mut PgConnection) -> Result<f64> {
    let calls = sqlx::query_scalar(
        "select coalesce(sum(calls), 0)::float from pg_stat_statements
         where toplevel and dbid = (select oid from pg_database where datname = $1)",
    )
    .bind(COPY)
    .fetch_one(admin)
    .await?;
    Ok(calls)
}
