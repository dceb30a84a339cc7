//! The one loop that drives every job.
//!
//! Between two batches the loop decides everything again from the locked run row: whether the claim
//! still holds, what the operator requested, and where to continue. So the loop itself holds
//! nothing that a crash could lose, and a commit whose answer was lost needs no special care.

#[cfg(test)]
mod bad_rows;
pub(super) mod batch_size;
mod driver;
mod failure;
pub(super) mod failures_in_a_row;
mod lease;
mod plan_and_finish;
mod recheck;
pub(super) mod rest;
mod retry_parked;
mod wait;

pub use driver::{Driver, Ended};
#[cfg(test)]
pub(super) use plan_and_finish::nothing_done;
use std::{
    ops::ControlFlow,
    time::{Duration, Instant},
};

use serde_json::Value;
use sqlx::{PgConnection, PgTransaction};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use self::{
    batch_size::BatchSize,
    failures_in_a_row::FailuresInARow,
    plan_and_finish::{COUNTING_MAX, Finishing},
    rest::Rests,
    wait::Throttle,
};
use super::{
    Batch, Class, FailPoint, Job, JobError, Parking, Progress, Status,
    ledger::{self, Checkpoint, Claim, Control, Figures, Locked},
    progress::step_of,
    throttle::{self, DatabaseLoad, LoadSnapshot},
    transaction::{answered, milliseconds, transaction_settings},
    wire,
};

/// Interval between rechecks of what the latest batches wrote.
const RECHECK_INTERVAL: Duration = Duration::from_secs(1);

/// What comes next: another turn, or the end of the claim.
pub(super) type Next = ControlFlow<Ended>;

/// Outcome of one turn of the loop.
pub(super) enum Turn {
    Over(Next),
    /// The run has no plan yet.
    Plan,
    /// Nothing is left.
    Finish(PgTransaction<'static>, Box<Finishing>),
}

impl Turn {
    pub(super) const AGAIN: Self = Self::Over(Next::Continue(()));

    pub(super) const fn ended(ended: Ended) -> Self {
        Self::Over(Next::Break(ended))
    }
}

/// Works on a claimed run until it ends, is interrupted or is lost.
pub async fn drive<J: Job>(
    driver: &Driver,
    world: &J::World,
    job: &J,
    claim: &Claim,
    progress: &watch::Sender<Progress>,
) -> Ended {
    // The renewal ends with this call, even on a panic: otherwise the lease of a run that no worker
    // works on would stay alive.
    let _renewal = AbortOnDropHandle::new(tokio::spawn(lease::keep(
        driver.lease_pool.clone(),
        claim.clone(),
        driver.lease,
    )));
    let mut run_loop = RunLoop {
        driver,
        world,
        job,
        state: J::ClaimState::default(),
        claim,
        progress,
        batch_size: BatchSize::new(&driver.batch),
        rests: Rests::new(&driver.batch),
        tries: 0,
        in_batch: false,
        failing: FailuresInARow::default(),
        retrying: true,
        retried_stuck: false,
        rechecked_at: Instant::now(),
    };
    if claim.attempt > 0 {
        run_loop.batch_size.begin_small();
    }
    run_loop.run_throttled().await
}

pub(super) struct RunLoop<'a, J: Job> {
    pub(super) driver: &'a Driver,
    pub(super) world: &'a J::World,
    pub(super) job: &'a J,
    pub(super) state: J::ClaimState,
    pub(super) claim: &'a Claim,
    pub(super) progress: &'a watch::Sender<Progress>,
    pub(super) batch_size: BatchSize,
    pub(super) rests: Rests,
    pub(super) tries: u32,
    /// Whether an item may be to blame for a failure now.
    pub(super) in_batch: bool,
    pub(super) failing: FailuresInARow,
    /// Whether there may be parked items to retry.
    pub(super) retrying: bool,
    /// Whether stuck items were retried at the end of the run.
    pub(super) retried_stuck: bool,
    /// Time of the latest recheck of what batches wrote.
    pub(super) rechecked_at: Instant,
}

impl<J: Job> RunLoop<'_, J> {
    /// Works on the run while the throttle samples the load on the server.
    async fn run_throttled(&mut self) -> Ended {
        if J::CLASS == Class::Short {
            // The operator waits for it, and it is over before the server could suffer.
            return Box::pin(self.run(None)).await;
        }
        let Driver { lease_pool, throttle: settings, queues, .. } = self.driver;
        let (snapshot, seen) = watch::channel(LoadSnapshot::UNKNOWN);
        let watching = throttle::watch(lease_pool, &**queues, settings, J::TABLES, &snapshot);
        tokio::select! {
            ended = Box::pin(self.run(Some(Throttle::new(seen)))) => ended,
            () = Box::pin(watching) => Ended::Lost,
        }
    }

    async fn run(&mut self, mut throttle: Option<Throttle>) -> Ended {
        if let Some(ended) = self.give_up().await {
            return ended;
        }
        if let Some(throttle) = &mut throttle {
            throttle.first_sample().await;
        }
        loop {
            if let Some(throttle) = &mut throttle {
                throttle.wait(self).await;
            }
            let result = self.attempt().await;
            if let Next::Break(ended) = self.handle_failure(result).await {
                return ended;
            }
        }
    }

    /// Ends a claim before it begins if its run killed too many workers.
    pub(super) async fn give_up(&self) -> Option<Ended> {
        let error = self.driver.retry.too_many_crashes(self.claim.crashes)?;
        Some(self.record_failure(JobError::fail(error)).await)
    }

    /// Makes one turn, and does the counting that it asks for.
    pub(super) async fn attempt(&mut self) -> Result<Next, JobError> {
        let result = self.attempt_anything().await;
        if self.in_batch { result } else { result.map_err(JobError::of_no_item) }
    }

    async fn attempt_anything(&mut self) -> Result<Next, JobError> {
        self.in_batch = false;
        match answered(self.driver.batch.turn_timeout(), Box::pin(self.turn())).await? {
            Turn::Over(next) => Ok(next),
            Turn::Plan => {
                answered(COUNTING_MAX, Box::pin(self.plan())).await?;
                Ok(Next::Continue(()))
            }
            Turn::Finish(tx, last) => {
                self.in_batch = false;
                answered(COUNTING_MAX, Box::pin(self.finish(tx, *last))).await
            }
        }
    }

    /// Makes one turn in one transaction: a batch, or the end.
    async fn turn(&mut self) -> Result<Turn, JobError> {
        let begun = Instant::now();
        let mut tx = self.begin().await?;
        let Some(locked) = ledger::lock(&mut tx, self.claim).await? else {
            return Ok(Turn::ended(Ended::Lost));
        };
        if let Some(ended) = self.apply_control(&mut tx, &locked).await? {
            FailPoint::BeforeGiveBackCommit.reach();
            tx.commit().await?;
            FailPoint::AfterGiveBackCommit.reach();
            return Ok(Turn::ended(ended));
        }
        self.begun(&locked);
        self.rests.set_speed(locked.speed);
        if self.retrying {
            if let Some(item) = ledger::next_to_retry(&mut tx, self.claim).await? {
                return self.retry_parked(tx, item).await;
            }
            self.retrying = false;
        }
        if let Some(before) = locked.parked_retry_of {
            return self.end_as_before(tx, before).await;
        }
        let (mut tx, locked) = match self.close(tx, locked).await? {
            Ok(turn) => return Ok(turn),
            Err(not_yet) => not_yet,
        };
        let Some(cursor) = locked.cursor.as_ref() else {
            tx.rollback().await?;
            return Ok(Turn::Plan);
        };
        if self.recheck_is_due() && self.recheck_fresh(&mut tx).await? > 0 {
            tx.commit().await?;
            return Ok(Turn::AGAIN);
        }
        let limit = self.batch_size.limit();
        self.in_batch = true;
        let cursor = decode::<J>(cursor)?;
        let batch = self.job.batch(&mut tx, self.world, &mut self.state, cursor, limit).await?;
        let batch = encode_batch(batch)?;
        let checkpoint = Checkpoint {
            cursor: &batch.cursor,
            done: batch.done,
            parked: &batch.parked,
            deliveries_until: batch.deliveries_until,
            written: batch.written.as_ref(),
            // Once the end of a run, or the return of its worker, is reported, it must be durable.
            // A crash of PostgreSQL may lose a batch, which is then done again like one that was
            // rolled back.
            flushed: batch.end || batch.wait.is_some(),
        };
        let after = ledger::advance(&mut tx, self.claim, checkpoint, self.driver.lease).await?;
        // What stood in the way of single items may be gone by now.
        if batch.end && !self.retried_stuck {
            self.retried_stuck = true;
            self.retrying = ledger::mark_stuck(&mut tx, self.claim).await?;
        }
        if batch.end && !self.retrying && !self.has_to_recheck(&mut tx, &locked).await? {
            let elapsed = begun.elapsed();
            return Ok(Turn::Finish(tx, Finishing::of(locked, batch, after, elapsed)));
        }
        if let Some(wait) = &batch.wait {
            ledger::postpone(&mut tx, self.claim, wait).await?;
        }
        FailPoint::BeforeBatchCommit.reach();
        tx.commit().await?;
        FailPoint::AfterBatchCommit.reach();
        self.committed(&locked, &batch, after, begun.elapsed());
        Ok(batch.wait.map_or(Turn::AGAIN, |wait| Turn::ended(Ended::Waiting(wait))))
    }

    /// Begins a transaction with this run's time-outs, behind every operator who waits for the run.
    ///
    /// PostgreSQL does not grant row locks in order: the next batch would often take the row before
    /// an operator who waited during the last one. It does grant advisory locks in order. This one
    /// is released immediately, so that a zombie need not wait for its successor's batch to learn
    /// that its claim is lost.
    pub(super) async fn begin(&self) -> sqlx::Result<PgTransaction<'static>> {
        let mut tx = self.driver.pool.begin().await?;
        sqlx::query(concat!(
            transaction_settings!(),
            "set_config('statement_timeout', $2, true),
             set_config('idle_in_transaction_session_timeout', $3, true),
             set_config('application_name', $4, true),
             -- For statements of jobs that note something of their run.
             set_config('ostrakon.run_id', $5, true),
             pg_advisory_lock(hashtextextended($5, 0))::text,
             pg_advisory_unlock(hashtextextended($5, 0))",
        ))
        .bind(milliseconds(self.driver.batch.lock_timeout))
        .bind(milliseconds(self.driver.batch.statement_timeout))
        // A frozen worker must not keep its locks for longer than its lease.
        .bind(milliseconds(self.driver.lease.duration))
        .bind(format!("ostrakon:{}:{}", J::NAME, self.claim.fence))
        .bind(&self.claim.run_id)
        .execute(&mut *tx)
        .await?;
        Ok(tx)
    }

    /// Obeys the operator's request, or the request that the process should stop.
    async fn apply_control(
        &self,
        db: &mut PgConnection,
        locked: &Locked,
    ) -> Result<Option<Ended>, JobError> {
        if let Some(ended) = self.apply_request(db, locked).await? {
            return Ok(Some(ended));
        }
        if !self.driver.stop.is_cancelled() {
            return Ok(None);
        }
        ledger::give_back(db, self.claim, None).await?;
        Ok(Some(Ended::Interrupted))
    }

    /// Obeys the operator's request, if there is one.
    pub(super) async fn apply_request(
        &self,
        db: &mut PgConnection,
        locked: &Locked,
    ) -> sqlx::Result<Option<Ended>> {
        let (status, ended) = match locked.control {
            Control::Run => return Ok(None),
            Control::Pause => (Status::Paused, Ended::Paused),
            Control::Cancel => (Status::Cancelled, Ended::Cancelled),
        };
        self.recheck_before_stop(db).await?;
        ledger::stop(db, self.claim, status).await?;
        Ok(Some(ended))
    }

    /// Whether a recheck of what the latest batches wrote is due: once a second, while other
    /// sessions are active.
    fn recheck_is_due(&mut self) -> bool {
        let due = self.batch_size.is_busy() && self.rechecked_at.elapsed() >= RECHECK_INTERVAL;
        if due {
            self.rechecked_at = Instant::now();
        }
        due
    }

    /// Adapts batches and rests to the load that the samples show by now.
    fn set_load(&mut self, load: DatabaseLoad) {
        self.batch_size.set_busy(load.present);
        self.rests.set_load(load);
    }

    /// Reports the run's progress before this claim's first batch.
    fn begun(&self, locked: &Locked) {
        self.progress.send_if_modified(|progress| {
            let first = progress.batches == 0;
            if first {
                let Locked { done, total, parked, deliveries_until, .. } = *locked;
                let step = locked.cursor.as_ref().and_then(step_of);
                *progress =
                    Progress { done, total, parked, step, deliveries_until, ..progress.clone() };
            }
            first
        });
    }

    /// Adapts the batch size to a batch that took `elapsed`, and reports the run's progress after it.
    pub(super) fn committed(
        &mut self,
        before: &Locked,
        batch: &Batch<Value>,
        after: Figures,
        elapsed: Duration,
    ) {
        self.rests.worked(elapsed);
        let step = step_of(&batch.cursor);
        if step == before.cursor.as_ref().and_then(step_of) {
            self.batch_size.committed(batch.rows, elapsed);
        } else {
            self.batch_size.step_done();
        }
        if batch.done > 0 {
            self.failing.done();
        }
        let Figures { done, parked, total } = after;
        self.progress.send_modify(|progress| {
            *progress = Progress {
                done,
                total,
                parked,
                batches: progress.batches + 1,
                longest_batch: progress.longest_batch.max(elapsed),
                step,
                throttled: None,
                deliveries_until: batch.deliveries_until.or(progress.deliveries_until),
            };
        });
    }
}

pub(super) fn decode<J: Job>(cursor: &Value) -> Result<J::Cursor, JobError> {
    wire::read(cursor)
        .map_err(|error| JobError::Newer(format!("its cursor cannot be read: {error}")))
}

/// Encodes a batch for the ledger.
fn encode_batch<C: serde::Serialize>(batch: Batch<C>) -> Result<Batch<Value>, JobError> {
    let Batch { cursor, end, done, rows, parked, wait, deliveries_until, written } = batch;
    let parked = parked.into_iter().map(|Parking { item, reason, cursor }| {
        Ok::<_, JobError>(Parking { item, reason, cursor: encode(&cursor)? })
    });
    let parked = parked.collect::<Result<_, _>>()?;
    let cursor = encode(&cursor)?;
    Ok(Batch { cursor, end, done, rows, parked, wait, deliveries_until, written })
}

pub(super) fn encode(cursor: &impl serde::Serialize) -> Result<Value, JobError> {
    serde_json::to_value(cursor).map_err(|error| JobError::Fail(error.into()))
}
