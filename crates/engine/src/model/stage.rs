//! A real ledger, and the real loop's parts to act on it.

use std::{
    mem,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use serde_json::Value;
use sqlx::{
    Connection as _, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use testkit::Database;
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;

use super::{
    expected::Step,
    operation::{Meanwhile, Outcome},
    run::Run,
    tally::{Script, TABLE, Tally},
};
use crate::{
    BatchSettings, Class, Driver, Ended, Job as _, Lease, NoQueues, Plan, Progress, RetrySettings,
    ThrottleSettings,
    ledger::{self, Claim, Enqueued, NewRun},
    run_loop::{
        Next, RunLoop, batch_size::BatchSize, failures_in_a_row::FailuresInARow, rest::Rests,
    },
};

/// Few, so that short sequences reach the bounds.
pub(super) const MAX_ATTEMPTS: i32 = 2;
pub(super) const MAX_CRASHES: i32 = 2;
pub(super) const QUICK_TRIES: u32 = 1;

/// Maximum number of items that may fail, in a row and in total.
pub(super) const IN_A_ROW_MAX: u32 = 2;
pub(super) const FAILURES_MAX: i64 = 2;

/// Operator who requests, pauses and cancels.
pub(super) const OPERATOR: &str = "operator";

/// A worker that lives no longer than its claim takes.
pub(super) const OTHER: &str = "other";

/// Outlasts every case; the tests expire it by hand.
pub(super) const LEASE: Lease =
    Lease { duration: Duration::from_hours(1), renewal: Duration::from_mins(30) };

/// Batches of two items, whatever they cost, until the loop itself halves them.
const BATCH: BatchSettings = BatchSettings::of_rows(2);

/// Expires a lease.
pub(super) const EXPIRE: &str = "
    update ostrakon.runs set lease_expires_at = clock_timestamp() - interval '1 s' where id = $1";

/// Everything that the model knows about the named runs, in that order.
const LOOK: &str = "
    select status, control, coalesce((closing ->> 'set_back')::int, 0) as set_back,
           (cursor ->> 'at')::bigint as cursor, done, parked, total, attempt,
           crashes, failures, last_error, parked_retry_of, waits_for, checks, fence, lease_owner, lease_expires_at > clock_timestamp() as leased,
           available_at > clock_timestamp() as later, notified_at is not null as notified,
           started_at is not null as started, finished_at is not null as finished,
           (select coalesce(jsonb_agg(jsonb_build_array(event, actor, detail - 'seconds') order by id), '[]')
            from ostrakon.run_events where run_id = run.id) as events,
           (select coalesce(jsonb_agg(jsonb_build_array(item, reason, sqlstate, retry)
                                     order by at, item), '[]')
            from ostrakon.parked_items where run_id = run.id) as parked_items,
           array(select item from tally where name = run.subject order by item) as effects
    from unnest($1::text[]) with ordinality wanted (run_id, number)
    join ostrakon.runs run on run.id = run_id
    order by number";

/// A ledger with its connections.
pub(super) struct Stage {
    /// Connection for operators, the reconciler, claims and comparisons.
    pub(super) db: Mutex<PgConnection>,
    pub(super) script: Script,
    /// Pool for the loop, which needs one connection at a time.
    pool: PgPool,
    // Dropped last: it ends every connection to it.
    _database: Database,
}

impl Stage {
    pub(super) async fn set() -> Result<Self> {
        let database = Database::bare().await?;
        let options: PgConnectOptions = database.url().parse()?;
        let mut db = PgConnection::connect_with(&options).await?;
        ledger::migrate(&mut db).await?;
        sqlx::raw_sql(TABLE).execute(&mut db).await?;
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .test_before_acquire(false)
            .connect_lazy_with(options);
        Ok(Self { db: Mutex::new(db), script: Script::new(), pool, _database: database })
    }

    /// Removes what an earlier case has left.
    pub(super) async fn clear(&self) -> Result<()> {
        // A case that failed may have left a transaction.
        drop(self.pool.acquire().await?);
        let statements = "delete from ostrakon.runs; delete from tally";
        sqlx::raw_sql(statements).execute(&mut *self.db.lock().await).await?;
        Ok(())
    }

    pub(super) async fn look(&self, ids: &[String]) -> Result<Vec<Run>> {
        Ok(sqlx::query_as(LOOK).bind(ids).fetch_all(&mut *self.db.lock().await).await?)
    }

    pub(super) async fn enqueue(&self, name: &str, items: i64) -> Result<Enqueued> {
        let job = Tally { name: name.to_owned(), items };
        let plan = Plan { counts: vec![], notes: vec![], cursor: Value::Null };
        let mut plan = plan.summary()?;
        plan.total = items;
        let new = NewRun {
            job: Tally::NAME,
            class: Class::Short,
            payload: serde_json::to_value(&job)?,
            subject: name,
            dedupe_key: &job.dedupe_key(),
            plan: &plan,
            requested_by: OPERATOR,
            reason: None,
            group_id: None,
            held: false,
            overridden: None,
        };
        let mut db = self.db.lock().await;
        let mut tx = db.begin().await?;
        let enqueued = ledger::enqueue(&mut tx, &[new]).await?.pop();
        tx.commit().await?;
        enqueued.context("nothing became of the request")
    }

    /// Changes a run's row from outside of ostrakon.
    pub(super) async fn meddle(&self, statement: &'static str, id: &str) -> Result<()> {
        sqlx::query(statement).bind(id).execute(&mut *self.db.lock().await).await?;
        Ok(())
    }

    /// Applies what happens between a turn's failure and the loop's reaction.
    async fn meanwhile(&self, id: &str, meanwhile: Meanwhile) -> Result<()> {
        // The failed batch is rolled back by then.
        drop(self.pool.acquire().await?);
        let mut db = self.db.lock().await;
        match meanwhile {
            Meanwhile::Pause => drop(ledger::pause(&mut db, id, OPERATOR).await),
            Meanwhile::Cancel => drop(ledger::cancel(&mut db, id, OPERATOR).await),
            Meanwhile::TakeOver => {
                sqlx::query(EXPIRE).bind(id).execute(&mut *db).await?;
                ledger::claim(&mut db, id, OTHER, LEASE)
                    .await?
                    .context("the run was not taken over")?;
            }
        }
        Ok(())
    }

    /// Checks when a run is to continue, and postpones that for longer than any case takes.
    pub(super) async fn put_off(&self, id: &str, delay: Duration) -> Result<()> {
        let left: f64 = sqlx::query_scalar(
            "with before as (select extract(epoch from available_at - clock_timestamp()) as left
                             from ostrakon.runs where id = $1)
             update ostrakon.runs set available_at = clock_timestamp() + interval '1 day'
             from before where id = $1 returning before.left::float8",
        )
        .bind(id)
        .fetch_one(&mut *self.db.lock().await)
        .await?;
        let delay = delay.as_secs_f64();
        anyhow::ensure!((delay - 60.0..=delay).contains(&left), "put off by {left} s of {delay} s");
        Ok(())
    }
}

/// A worker at work on a claim.
pub(super) struct Worker {
    pub(super) claim: Claim,
    pub(super) stop: CancellationToken,
    job: Tally,
    driver: Driver,
    progress: watch::Sender<Progress>,
    batch_size: BatchSize,
    tries: u32,
    failing: FailuresInARow,
    retrying: bool,
    retried_stuck: bool,
    fresh: bool,
}

impl Worker {
    pub(super) fn new(stage: &Stage, claim: Claim) -> Result<Self> {
        let stop = CancellationToken::new();
        let retry = RetrySettings {
            max_attempts: MAX_ATTEMPTS,
            max_crashes: MAX_CRASHES,
            immediate_retries: QUICK_TRIES,
            quick_delay: Duration::ZERO,
            in_a_row_max: IN_A_ROW_MAX,
            failures_max: FAILURES_MAX,
            ..RetrySettings::new(MAX_ATTEMPTS, MAX_CRASHES)
        };
        let driver = Driver {
            pool: stage.pool.clone(),
            lease_pool: stage.pool.clone(),
            batch: BATCH,
            throttle: ThrottleSettings::default(),
            queues: std::sync::Arc::new(NoQueues),
            lease: LEASE,
            retry,
            stop: stop.clone(),
        };
        let job = serde_json::from_value(claim.payload.clone()).context("the payload")?;
        let (progress, _) = watch::channel(Progress::default());
        Ok(Self {
            claim,
            stop,
            job,
            driver,
            progress,
            batch_size: BatchSize::new(&BATCH),
            tries: 0,
            failing: FailuresInARow::default(),
            retrying: true,
            retried_stuck: false,
            fresh: true,
        })
    }

    /// Maximum items in the next batch.
    pub(super) fn limit(&self) -> i64 {
        self.batch_size.limit()
    }

    /// Makes one turn of the loop.
    pub(super) async fn step(
        &mut self,
        stage: &Stage,
        outcome: Outcome,
        meanwhile: Option<Meanwhile>,
    ) -> Result<Step> {
        stage.script.set(outcome);
        let mut run_loop = RunLoop {
            driver: &self.driver,
            world: &stage.script,
            job: &self.job,
            state: (),
            claim: &self.claim,
            progress: &self.progress,
            batch_size: mem::replace(&mut self.batch_size, BatchSize::new(&BATCH)),
            rests: Rests::new(&BATCH),
            tries: self.tries,
            in_batch: false,
            failing: mem::take(&mut self.failing),
            retrying: self.retrying,
            retried_stuck: self.retried_stuck,
            rechecked_at: Instant::now(),
        };
        let fresh = mem::take(&mut self.fresh);
        let next = async {
            if fresh && let Some(ended) = run_loop.give_up().await {
                return Ok(Next::Break(ended));
            }
            let result = run_loop.attempt().await;
            if let (Err(_), Some(meanwhile)) = (&result, meanwhile) {
                stage.meanwhile(&self.claim.run_id, meanwhile).await?;
            }
            anyhow::Ok(run_loop.handle_failure(result).await)
        };
        let next = tokio::select! {
            biased;
            () = stage.script.dying.notified() => None,
            next = next => Some(next?),
        };
        self.tries = run_loop.tries;
        self.failing = run_loop.failing;
        self.retrying = run_loop.retrying;
        self.retried_stuck = run_loop.retried_stuck;
        self.batch_size = run_loop.batch_size;
        // What was not committed is rolled back once the connection is available again.
        drop(stage.pool.acquire().await?);
        Ok(match next {
            Some(Next::Continue(())) => Step::Again,
            Some(Next::Break(ended)) => Step::Ended(ended),
            None => Step::Died,
        })
    }
}

/// Delay before a run that ended this way continues.
pub(super) fn delay(step: &Step) -> Option<Duration> {
    match step {
        Step::Ended(Ended::Retrying(_, delay)) => Some(*delay),
        Step::Ended(Ended::Waiting(wait)) => Some(wait.delay),
        _ => None,
    }
}
