//! The two turns that count everything, and so may take minutes: the plan, and the end.

use std::time::Duration;

use serde_json::Value;
use sqlx::{PgConnection, PgTransaction};

use super::{Ended, Next, RunLoop, decode};
use crate::{
    Batch, FailPoint, Job, JobError, Recount, Status,
    ledger::{self, Figures, Locked},
    transaction::milliseconds,
};

/// Time limit for counting. A large account takes seconds, or minutes.
pub(super) const COUNTING_MAX: Duration = Duration::from_hours(1);

/// The last batch, checked and committed together with the end of its run.
pub(crate) struct Finishing {
    /// The run before the batch.
    pub(super) locked: Locked,
    pub(super) batch: Batch<Value>,
    /// Figures of the run after the batch.
    pub(super) after: Figures,
    /// Duration of the batch.
    pub(super) elapsed: Duration,
}

impl Finishing {
    pub(super) fn of(
        locked: Locked,
        batch: Batch<Value>,
        after: Figures,
        elapsed: Duration,
    ) -> Box<Self> {
        Box::new(Self { locked, batch, after, elapsed })
    }
}

impl<J: Job> RunLoop<'_, J> {
    /// Plans the run again at its first start: the database may have changed since the request.
    pub(super) async fn plan(&mut self) -> Result<(), JobError> {
        // Counting may take long; the run row stays unlocked meanwhile, for the lease and for
        // operators.
        let mut reading = self.driver.pool.begin().await?;
        let plan = self.job.plan(&mut reading, self.world, &mut self.state).await?;
        reading.rollback().await?;
        let summary = plan.summary().map_err(|error| JobError::Fail(error.into()))?;

        let mut tx = self.begin().await?;
        if ledger::lock(&mut tx, self.claim).await?.is_some() {
            ledger::start(&mut tx, self.claim, &summary).await?;
            FailPoint::BeforePlanCommit.reach();
            tx.commit().await?;
            FailPoint::AfterPlanCommit.reach();
            self.progress.send_modify(|progress| progress.total = Some(summary.total));
        }
        Ok(())
    }

    /// Lets the job recount, and then ends the run or sends it on another pass. Parked items never
    /// count as success.
    ///
    /// The run's row stays locked meanwhile: its lease may run out, but no other worker can claim
    /// it.
    pub(super) async fn finish(
        &mut self,
        mut tx: PgTransaction<'static>,
        last: Finishing,
    ) -> Result<Next, JobError> {
        let Finishing { locked, batch, after, elapsed } = &last;
        let Figures { done, parked, .. } = *after;
        take_time(&mut tx).await?;
        let cursor = decode::<J>(&batch.cursor)?;
        if !self.is_as_written(&mut tx, &last).await? {
            tx.commit().await?;
            return Ok(Next::Continue(()));
        }
        let next =
            match self.job.finish(&mut tx, self.world, &mut self.state, &cursor, parked).await? {
                Recount::Right => {
                    let status = Status::at_the_end(done, parked);
                    let (ended, error) = match status {
                        Status::Succeeded => (Ended::Succeeded, None),
                        Status::Incomplete => (Ended::Incomplete, None),
                        _ => {
                            let error = nothing_done(parked);
                            (Ended::Failed(error.clone()), Some(error))
                        }
                    };
                    ledger::finish(&mut tx, self.claim, status, error.as_deref()).await?;
                    Next::Break(ended)
                }
                Recount::Left(left) => {
                    self.set_back(&mut tx, &last, left).await?;
                    Next::Continue(())
                }
            };
        FailPoint::BeforeFinishCommit.reach();
        FailPoint::BeforeBatchCommit.reach();
        tx.commit().await?;
        FailPoint::AfterBatchCommit.reach();
        let after = match next {
            Next::Break(_) => Figures { total: Some(done + parked), ..*after },
            Next::Continue(()) => {
                // The pass meets parked items again, and stuck items may get stuck again.
                self.retried_stuck = false;
                *after
            }
        };
        self.committed(locked, batch, after, *elapsed);
        FailPoint::AfterFinishCommit.reach();
        Ok(next)
    }
}

/// Reason why a run that reached its end has failed.
pub(crate) fn nothing_done(parked: i64) -> String {
    match parked {
        1 => "nothing could be done: the only item is parked with its reason".to_owned(),
        _ => format!("nothing could be done: all {parked} items are parked, each with its reason"),
    }
}

/// Gives the transaction as much time as a plan, and marks it in `application_name`: the end counts
/// as much as the beginning, and a last batch, which found little or nothing left, locks next to
/// nothing.
async fn take_time(db: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query(
        "select set_config('statement_timeout', $1, true),
                set_config('application_name', current_setting('application_name') || ':recount', true)",
    )
    .bind(milliseconds(COUNTING_MAX))
    .execute(db)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use anyhow::{Context as _, Result, ensure};
    use serde::{Deserialize, Serialize};
    use sqlx::Connection as _;
    use testkit::Database;
    use tokio::sync::watch;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::{
        BatchSettings, Class, Driver, Lease, NoQueues, Plan, Progress, RetrySettings, Skipped,
        Table, ThrottleSettings, drive,
        ledger::{Enqueued, NewRun},
    };

    /// Longer than any turn may take: see [`BatchSettings::turn_timeout`].
    const COUNTS_FOR: Duration = Duration::from_secs(6);

    const SETTINGS: BatchSettings = BatchSettings {
        lock_timeout: Duration::from_millis(100),
        statement_timeout: Duration::from_millis(100),
        ..BatchSettings::of_rows(20)
    };

    /// A job with nothing to do, but very much to count.
    #[derive(Debug, Clone, Serialize, Deserialize)]
    struct Uncounted;

    struct Nobody;

    impl Job for Uncounted {
        const NAME: &'static str = "recount";
        const CLASS: Class = Class::Short;
        const HEAVY: bool = false;
        const TABLES: &'static [Table] = &[];
        type World = Nobody;
        type Cursor = Value;
        type ClaimState = ();

        fn subject(&self) -> &'static str {
            "all"
        }

        fn dedupe_key(&self) -> String {
            Self::NAME.to_owned()
        }

        async fn plan(
            &self,
            _: &mut PgConnection,
            _: &Nobody,
            (): &mut (),
        ) -> Result<Plan<Value>, JobError> {
            Ok(Plan { counts: Vec::new(), notes: Vec::new(), cursor: Value::from("first") })
        }

        async fn batch(
            &self,
            _: &mut PgConnection,
            _: &Nobody,
            (): &mut (),
            cursor: Value,
            _: i64,
        ) -> Result<Batch<Value>, JobError> {
            Ok(Batch::end(cursor))
        }

        async fn skip(
            &self,
            _: &mut PgConnection,
            _: &Nobody,
            (): &mut (),
            _: Value,
        ) -> Result<Option<Skipped<Value>>, JobError> {
            Ok(None)
        }

        async fn finish(
            &self,
            db: &mut PgConnection,
            _: &Nobody,
            (): &mut (),
            _: &Value,
            _: i64,
        ) -> Result<Recount<Value>, JobError> {
            let seconds = COUNTS_FOR.as_secs_f64();
            sqlx::query("select pg_sleep($1)").bind(seconds).execute(db).await?;
            Ok(Recount::Right)
        }
    }

    #[tokio::test]
    async fn the_recount_at_the_end_may_take_longer_than_any_batch() -> Result<()> {
        ensure!(COUNTS_FOR > SETTINGS.turn_timeout());
        let database = Database::bare().await?;
        let mut db = database.pool().acquire().await?;
        ledger::migrate(&mut db).await?;
        let plan = Uncounted.plan(&mut db, &Nobody, &mut ()).await?.summary()?;
        let new = NewRun {
            job: Uncounted::NAME,
            class: Uncounted::CLASS,
            payload: serde_json::to_value(Uncounted)?,
            subject: Uncounted.subject(),
            dedupe_key: &Uncounted.dedupe_key(),
            plan: &plan,
            requested_by: "test",
            reason: None,
            group_id: None,
            held: false,
            overridden: None,
        };
        let mut tx = db.begin().await?;
        let Some(Enqueued::New { id }) = ledger::enqueue(&mut tx, &[new]).await?.pop() else {
            anyhow::bail!("it was there already");
        };
        tx.commit().await?;
        let lease = Lease { duration: Duration::from_mins(10), renewal: Duration::from_mins(5) };
        let claim = ledger::claim(&mut db, &id, "worker", lease).await?.context("not due")?;
        let driver = Driver {
            pool: database.pool(),
            lease_pool: database.pool(),
            batch: SETTINGS,
            throttle: ThrottleSettings::default(),
            queues: std::sync::Arc::new(NoQueues),
            lease,
            retry: RetrySettings::new(1, 1),
            stop: CancellationToken::new(),
        };
        let (progress, _) = watch::channel(Progress::default());
        let ended = drive(&driver, &Nobody, &Uncounted, &claim, &progress).await;
        ensure!(ended == Ended::Succeeded, "{ended:?}");
        Ok(())
    }
}
