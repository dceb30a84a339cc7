//! A database with the community, the program set up for it, and looks at what happens there.

use std::{
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use sqlx::{FromRow, PgPool, PgTransaction};
use testkit::{Database, Done, Flavour, Ostrakon, Redis};

use super::history::{
    DELETE_ALICE, hold, is_like_the_twin, is_untouched, load_story, looks_for_deadlocks_after,
};

/// How long anything may take that is waited for.
pub(super) const DEADLINE: Duration = Duration::from_mins(1);

/// Items in a batch.
pub(super) const BATCH: i64 = 5;

/// Settings of a worker that loses no time. Locks are waited for longer than any test takes.
const QUICK: [(&str, &str); 8] = [
    ("OSTRAKON_BATCH_ROWS_INITIAL", "5"),
    ("OSTRAKON_BATCH_ROWS_MAX", "5"),
    ("OSTRAKON_BATCH_LOCK_TIMEOUT", "1m"),
    ("OSTRAKON_BATCH_STATEMENT_TIMEOUT", "2m"),
    ("OSTRAKON_WORKER_POLL_INTERVAL", "20ms"),
    ("OSTRAKON_WORKER_RECONCILE_INTERVAL", "200ms"),
    // Counts and deletes may take a while on a busy machine; a larger batch would not do.
    ("OSTRAKON_BATCH_TARGET", "5s"),
    // Else when a delivery is due would depend on how quick the machine is.
    ("OSTRAKON_FEDERATION_PER_SECOND", "1000000"),
];

/// A run, as far as the tests look at it.
#[derive(Debug, FromRow)]
pub(super) struct Run {
    pub(super) status: String,
    pub(super) done: i64,
    pub(super) total: Option<i64>,
    pub(super) parked: i64,
    pub(super) attempt: i32,
    pub(super) crashes: i32,
    pub(super) last_error: Option<String>,
}

/// A database with the community, and the program for it.
pub(super) struct Stage {
    pub(super) ostrakon: Ostrakon,
    /// First part of every Redis key.
    pub(super) prefix: String,
    pub(super) pool: PgPool,
    // Dropped last: it ends every connection to it.
    database: Database,
}

impl Stage {
    /// Sets up a stage on the Redis that tests share.
    pub(super) async fn new() -> Result<Self> {
        Self::on_redis(testkit::redis()?.url()).await
    }

    /// Sets up a stage on a Redis of its own.
    pub(super) async fn with_redis() -> Result<(Self, Redis)> {
        let redis = Redis::start()?;
        Ok((Self::on_redis(&redis.url()).await?, redis))
    }

    /// Sets up a stage on a Redis that is reached at a URL.
    pub(super) async fn on_redis(url: &str) -> Result<Self> {
        let database = Database::create(Flavour::Pleroma).await?;
        load_story(&database.pool()).await?;
        let ostrakon = Ostrakon::with_least_rights(&database).await?;
        Ok(Self::assemble(ostrakon, url, database))
    }

    /// Sets up a stage on an empty database of any flavour.
    pub(super) async fn empty(database: Database) -> Result<Self> {
        looks_for_deadlocks_after(&database.pool(), "10min").await?;
        let ostrakon = Ostrakon::with_least_rights(&database).await?;
        Ok(Self::assemble(ostrakon, testkit::redis()?.url(), database))
    }

    fn assemble(ostrakon: Ostrakon, redis: &str, database: Database) -> Self {
        let prefix = format!("t-{}", ulid::Ulid::generate());
        let ostrakon = quick(ostrakon, redis).with("OSTRAKON_REDIS_PREFIX", prefix.clone());
        Self { ostrakon, prefix, pool: database.pool(), database }
    }

    /// Where the database is, with a superuser's login.
    pub(super) fn url(&self) -> &str {
        self.database.url()
    }

    /// The program with one more variable.
    pub(super) fn with(&self, name: &str, value: &str) -> Ostrakon {
        self.ostrakon.clone().with(name, value)
    }

    /// The program with leases that run out soon, for tests in which a worker dies.
    pub(super) fn with_short_leases(&self) -> Ostrakon {
        short_leases(self.ostrakon.clone())
    }

    /// The program in the hands of the database's owner.
    pub(super) fn owner(&self) -> Ostrakon {
        Ostrakon::on(&self.database)
    }

    /// Queues a command of `user`; gives the run's id and what was said.
    pub(super) fn queue(&self, arguments: &[&str]) -> Result<(String, Done)> {
        queue(&self.ostrakon, arguments)
    }

    /// Queues the job that most tests run.
    pub(super) fn queue_alice(&self) -> Result<String> {
        Ok(self.queue(&DELETE_ALICE)?.0)
    }

    /// Starts a command that is expected to wait for something.
    pub(super) fn begin(&self, arguments: &[&str]) -> Result<Child> {
        let mut command = self.ostrakon.command(arguments);
        Ok(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?)
    }

    /// Locks the row of alice's post of this number, from 1, as a request of the server would:
    /// the batch that holds the post waits for it.
    pub(super) async fn hold(&self, post: usize) -> Result<PgTransaction<'static>> {
        hold(&self.pool, post).await
    }

    /// Waits until a batch waits for a lock.
    pub(crate) async fn stuck(&self) -> Result<()> {
        stuck(&self.pool, 1).await
    }

    /// Waits until so many of the program's connections, but for those of batches, wait for locks.
    pub(super) async fn others_are_stuck(&self, number: i64) -> Result<()> {
        eventually(&format!("{number} connections that wait for locks"), async || {
            let count = "select count(*) from pg_stat_activity where datname = current_database()
                         and application_name = 'ostrakon' and wait_event_type = 'Lock'";
            let waiting: i64 = sqlx::query_scalar(count).fetch_one(&self.pool).await?;
            Ok((waiting == number).then_some(()))
        })
        .await
    }

    /// Reads a run.
    pub(super) async fn run(&self, id: &str) -> Result<Run> {
        run(&self.pool, id).await
    }

    /// Waits until a run has a status.
    pub(super) async fn reaches(&self, id: &str, status: &str) -> Result<Run> {
        reaches(&self.pool, id, status).await
    }

    /// Reads the names of a run's events.
    pub(super) async fn events(&self, id: &str) -> Result<Vec<String>> {
        let statement = "select event from ostrakon.run_events where run_id = $1 order by id";
        Ok(sqlx::query_scalar(statement).bind(id).fetch_all(&self.pool).await?)
    }

    /// Has a run that waits for somebody else be due now.
    pub(super) async fn has_waited(&self, id: &str) -> Result<()> {
        let statement = "update ostrakon.runs set available_at = clock_timestamp()
                         where id = $1 and status = 'queued'";
        let due = sqlx::query(statement).bind(id).execute(&self.pool).await?;
        ensure!(due.rows_affected() == 1, "{:?}", self.run(id).await?);
        Ok(())
    }

    /// Checks that alice's run went through without a setback, and that it cost no try.
    pub(super) async fn went_straight(&self, id: &str) -> Result<()> {
        self.is_like_the_twin(id).await?;
        let events = self.events(id).await?;
        ensure!(events == ["queued", "started", "planned", "succeeded"], "{events:?}");
        let run = self.run(id).await?;
        ensure!((run.attempt, run.crashes, &run.last_error) == (0, 0, &None), "{run:?}");
        Ok(())
    }

    /// Queues another job and waits until it is done.
    pub(super) async fn next_is_done(&self) -> Result<()> {
        let (next, _) = self.queue(&["user", "deactivate", "carl@far.example"])?;
        self.reaches(&next, "succeeded").await?;
        Ok(())
    }

    /// Waits until so many workers have given a sign of life.
    pub(super) async fn workers(&self, number: i64) -> Result<()> {
        eventually(&format!("{number} workers"), async || {
            let count = "select count(*) from ostrakon.workers";
            let seen: i64 = sqlx::query_scalar(count).fetch_one(&self.pool).await?;
            Ok((seen >= number).then_some(()))
        })
        .await
    }

    /// Checks that alice's run is done as it was on the twin, in the figures and in every row.
    pub(super) async fn is_like_the_twin(&self, id: &str) -> Result<()> {
        is_like_the_twin(&self.pool, id).await
    }

    /// Checks that no row of the server has changed.
    pub(super) async fn is_untouched(&self) -> Result<()> {
        is_untouched(&self.pool).await
    }
}

/// Sets a program up to lose no time.
pub(super) fn quick(ostrakon: Ostrakon, redis: &str) -> Ostrakon {
    let ostrakon = ostrakon.with("OSTRAKON_REDIS_URL", redis);
    QUICK.iter().fold(ostrakon, |ostrakon, (name, value)| ostrakon.with(name, *value))
}

/// Lets leases run out soon.
pub(super) fn short_leases(ostrakon: Ostrakon) -> Ostrakon {
    ostrakon.with("OSTRAKON_WORKER_LEASE", "1s").with("OSTRAKON_WORKER_LEASE_RENEWAL", "300ms")
}

/// Queues a command of `user`; gives the run's id and what was said.
pub(super) fn queue(ostrakon: &Ostrakon, arguments: &[&str]) -> Result<(String, Done)> {
    let done = ostrakon.run(&[arguments, &["--yes", "--json", "--queue"]].concat())?;
    ensure!(done.code == 0, "{done:?}");
    let run: Value = serde_json::from_str(&done.stdout)?;
    Ok((run["run_id"].as_str().context("no run_id")?.to_owned(), done))
}

/// Waits until so many batches wait for locks that somebody else holds. Batches also wait for each
/// other, and for the renewal of their lease, but not for long.
pub(crate) async fn stuck(pool: &PgPool, batches: i64) -> Result<()> {
    eventually("batches that wait for locks", async || {
        // Who waits for one that waits for somebody else waits for that one as well.
        let count = "
            with recursive waiting as (
                select pid, unnest(pg_blocking_pids(pid)) as holder from pg_stat_activity
                where datname = current_database() and application_name like 'ostrakon:%'
                  and wait_event_type = 'Lock'
            ), held as (
                select pid from waiting where holder in (
                    select pid from pg_stat_activity where application_name not like 'ostrakon%')
                union
                select waiting.pid from waiting join held on held.pid = waiting.holder
            )
            select count(*) from held";
        let waiting: i64 = sqlx::query_scalar(count).fetch_one(pool).await?;
        Ok((waiting >= batches).then_some(()))
    })
    .await
}

/// Reads a run.
pub(super) async fn run(pool: &PgPool, id: &str) -> Result<Run> {
    let run: Run = sqlx::query_as(
        "select status, done, total, parked, attempt, crashes, last_error from ostrakon.runs
         where id = $1",
    )
    .bind(id)
    .fetch_one(pool)
    .await?;
    ensure!(run.total.is_none_or(|total| run.done + run.parked <= total), "{run:?}");
    Ok(run)
}

/// Waits until a run has a status.
pub(super) async fn reaches(pool: &PgPool, id: &str, status: &str) -> Result<Run> {
    let what = format!("run {id} to be {status}");
    let reached = eventually(&what, async || {
        Ok(Some(run(pool, id).await?).filter(|run| run.status == status))
    });
    match reached.await {
        Ok(run) => Ok(run),
        Err(error) => Err(error.context(format!("{:?}", run(pool, id).await?))),
    }
}

/// Looks until there is something to see. Other processes' doings give no event to wait for.
pub(crate) async fn eventually<T>(
    what: &str,
    mut look: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let started = Instant::now();
    loop {
        if let Some(seen) = look().await? {
            return Ok(seen);
        }
        if started.elapsed() > DEADLINE {
            bail!("{what}: not within {DEADLINE:?}");
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
