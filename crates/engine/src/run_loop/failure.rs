//! What the loop does when a turn fails: it retries, in smaller batches, without one item, later,
//! or never.

use std::time::Duration;

use serde_json::Value;
use tokio::time::sleep;
use tracing::{info, warn};

use super::{Ended, Next, RunLoop, decode, encode};
use crate::{
    BatchSettings, FailPoint, Job, JobError, Parking,
    error::{LOCK_TIMEOUT, STATEMENT_TIMEOUT},
    ledger,
    transaction::answered,
};

/// Maximum number of times in a row that a batch gives way before the claim is given back with a
/// failed try: after 6 s. Until then nothing has failed: what was in the way was there for a
/// moment.
const GIVES_WAY_MAX: u32 = 10;

/// Maximum delay before a batch that gave way is retried.
const GIVES_WAY_FOR: Duration = Duration::from_millis(800);

/// An item that cannot be done.
struct Bad {
    reason: anyhow::Error,
    sqlstate: Option<String>,
    /// Whether it needed too much time or memory, which may pass by itself.
    stuck: bool,
}

impl<J: Job> RunLoop<'_, J> {
    /// Chooses the remedy for a failed turn.
    pub(crate) async fn handle_failure(&mut self, result: Result<Next, JobError>) -> Next {
        let error = match result {
            Ok(next) => {
                self.tries = 0;
                return next;
            }
            Err(error) => error,
        };
        match error {
            JobError::Row { error, sqlstate } => {
                if self.batch_size.split() {
                    return Next::Continue(());
                }
                self.park_or_keep(Bad { reason: error, sqlstate, stuck: false }).await
            }
            JobError::Retry(error) if self.tries < self.driver.retry.immediate_retries => {
                self.retry_soon(&error, true).await
            }
            JobError::Stuck { error, .. } if !self.is_single_item() => {
                self.retry_soon(&error, false).await
            }
            JobError::Stuck { error, sqlstate } => self.park_or_keep_stuck(error, sqlstate).await,
            JobError::GaveWay(error) if self.may_give_way() => {
                self.tries += 1;
                self.batch_size.disturbed();
                info!(run_id = self.claim.run_id, error = %format!("{error:#}"), tries = self.tries,
                    "A batch gave way to others, was undone and is tried again");
                tokio::select! {
                    () = sleep(self.driver.retry.quick_delay(self.tries).min(GIVES_WAY_FOR)) => {}
                    () = self.driver.stop.cancelled() => {}
                }
                Next::Continue(())
            }
            JobError::GaveWay(error) if self.in_batch && self.is_single_item() => {
                self.park_or_keep_stuck(error, LOCK_TIMEOUT.to_owned()).await
            }
            error => Next::Break(self.record_failure(error).await),
        }
    }

    /// Whether the failing batch is a single item.
    fn is_single_item(&self) -> bool {
        self.retrying || self.batch_size.limit() == 1
    }

    /// Whether giving way may still help. Not if the previous item was stuck as well, and alone.
    fn may_give_way(&self) -> bool {
        let stuck = self.failing.in_a_row() > 0 && self.is_single_item();
        self.tries < GIVES_WAY_MAX && !stuck
    }

    /// Parks a single stuck item, and names the setting that is responsible.
    async fn park_or_keep_stuck(&mut self, error: anyhow::Error, sqlstate: String) -> Next {
        let reason = with_setting(&error, &sqlstate, &self.driver.batch);
        self.park_or_keep(Bad { reason, sqlstate: Some(sqlstate), stuck: true }).await
    }

    /// Retries in a moment with fewer items. With `counts` that uses up a try: fewer items are no
    /// remedy.
    async fn retry_soon(&mut self, error: &anyhow::Error, counts: bool) -> Next {
        self.tries += u32::from(counts);
        self.batch_size.disturbed();
        warn!(run_id = self.claim.run_id, error = %format!("{error:#}"), tries = self.tries,
            "A batch was undone and is tried again");
        sleep(self.driver.retry.quick_delay(self.tries.max(1))).await;
        Next::Continue(())
    }

    async fn park_or_keep(&mut self, bad: Bad) -> Next {
        let limit = self.driver.batch.turn_timeout();
        let next = if self.retrying {
            answered(limit, Box::pin(self.keep_parked(&bad))).await
        } else {
            answered(limit, Box::pin(self.park(&bad))).await
        };
        match next {
            Ok(next) => next,
            Err(error) => Next::Break(self.record_failure(error.of_no_item()).await),
        }
    }

    /// Keeps the retried item parked. If items in a row are stuck, the remaining ones stay parked
    /// without a try.
    async fn keep_parked(&mut self, bad: &Bad) -> Result<Next, JobError> {
        let sqlstate = bad.sqlstate.as_deref();
        let in_a_row = self.failing.failed(sqlstate);
        let mut tx = self.begin().await?;
        if ledger::lock(&mut tx, self.claim).await?.is_none() {
            return Ok(Next::Break(Ended::Lost));
        }
        if let Some(item) = ledger::next_to_retry(&mut tx, self.claim).await? {
            let reason = format!("{:#}", bad.reason);
            ledger::keep_parked(&mut tx, self.claim, &item.item, &reason, sqlstate).await?;
        }
        if in_a_row >= self.driver.retry.stuck_in_a_row_max {
            ledger::retry_no_more(&mut tx, self.claim).await?;
        }
        ledger::made_progress(&mut tx, self.claim, self.driver.lease, None).await?;
        tx.commit().await?;
        self.tries = 0;
        Ok(Next::Continue(()))
    }

    /// Parks the one item that failed, with its reason, and moves past it.
    async fn park(&mut self, bad: &Bad) -> Result<Next, JobError> {
        let Bad { reason, sqlstate, stuck } = bad;
        let sqlstate = sqlstate.as_deref();
        let in_a_row = self.failing.failed(sqlstate);
        if *stuck && in_a_row > self.driver.retry.stuck_in_a_row_max {
            return Err(JobError::Retry(anyhow::anyhow!("{reason:#}")));
        }
        let most = self.driver.retry.in_a_row_max;
        if in_a_row > most {
            return Err(JobError::fail(format!(
                "more than {most} items one after the other failed for the same cause and nothing was done \
                 in between, so the cause is not in the items; the last one: {reason:#}"
            )));
        }
        let mut tx = self.begin().await?;
        let Some(locked) = ledger::lock(&mut tx, self.claim).await? else {
            return Ok(Next::Break(Ended::Lost));
        };
        if *stuck && locked.attempt < self.driver.retry.stuck_attempts {
            // Not yet: what is in the way may pass.
            return Err(JobError::Retry(anyhow::anyhow!("{reason:#}")));
        }
        let here = locked.cursor.unwrap_or(Value::Null);
        let skipped = match &here {
            Value::Null => None,
            cursor => {
                let cursor = decode::<J>(cursor)?;
                self.job.skip(&mut tx, self.world, &mut self.state, cursor).await?
            }
        };
        let Some(skipped) = skipped else {
            // No item is left, or none was planned yet, and it still fails: no row is to blame.
            return Err(JobError::Fail(anyhow::anyhow!("{reason:#}")));
        };
        let parking = Parking { item: skipped.item, reason: format!("{reason:#}"), cursor: here };
        ledger::park(&mut tx, self.claim, &parking, sqlstate).await?;
        let cursor = encode(&skipped.cursor)?;
        let failures =
            ledger::step_over(&mut tx, self.claim, &cursor, *stuck, self.driver.lease).await?;
        let most = self.driver.retry.failures_max;
        if failures > most {
            return Err(JobError::fail(format!(
                "more than {most} items failed; the last one: {reason:#}"
            )));
        }
        FailPoint::BeforeParkCommit.reach();
        tx.commit().await?;
        FailPoint::AfterParkCommit.reach();
        warn!(
            run_id = self.claim.run_id,
            item = parking.item,
            reason = parking.reason,
            "An item is parked"
        );
        self.tries = 0;
        self.batch_size.isolated();
        self.progress.send_modify(|progress| progress.parked += 1);
        Ok(Next::Continue(()))
    }

    /// Ends the claim after a failed try, in the ledger as well.
    pub(super) async fn record_failure(&self, error: JobError) -> Ended {
        match answered(self.driver.batch.turn_timeout(), Box::pin(self.persist_failure(&error)))
            .await
        {
            Ok(ended) => ended,
            Err(unreachable) => {
                // The lease runs out by itself, and the next worker that claims the run continues.
                warn!(run_id = self.claim.run_id, %error, %unreachable,
                    "The run is left to its lease: its failure could not be written down");
                Ended::Lost
            }
        }
    }

    async fn persist_failure(&self, error: &JobError) -> sqlx::Result<Ended> {
        let text = error.to_string();
        let mut tx = self.begin().await?;
        let Some(locked) = ledger::lock(&mut tx, self.claim).await? else {
            return Ok(Ended::Lost);
        };
        let delay = match error {
            JobError::Retry(_) | JobError::GaveWay(_) => self.driver.retry.delay(locked.attempt),
            _ => None,
        };
        let continues = delay.is_some() || matches!(error, JobError::Newer(_));
        // A request made while the batch failed must not wait for the next try.
        let requested = if continues { self.apply_request(&mut tx, &locked).await? } else { None };
        let ended = if let Some(ended) = requested {
            warn!(
                run_id = self.claim.run_id,
                error = text,
                "A batch was undone, and the run stops here as an operator wants"
            );
            ended
        } else if let JobError::Newer(_) = error {
            ledger::release_to_newer(&mut tx, self.claim, &text).await?;
            Ended::LeftToNewer(text)
        } else if let Some(delay) = delay {
            ledger::give_back(&mut tx, self.claim, Some((&text, delay))).await?;
            Ended::Retrying(text, delay)
        } else {
            ledger::fail(&mut tx, self.claim, &text).await?;
            Ended::Failed(text)
        };
        FailPoint::BeforeGiveBackCommit.reach();
        tx.commit().await?;
        FailPoint::AfterGiveBackCommit.reach();
        Ok(ended)
    }
}

/// Adds what the operator can do about a stuck item: the setting by its name.
fn with_setting(error: &anyhow::Error, sqlstate: &str, limits: &BatchSettings) -> anyhow::Error {
    let reported = |duration| humantime::format_duration(duration).to_string();
    let advice = match sqlstate {
        LOCK_TIMEOUT => format!(
            "another session repeatedly held a lock that this item needs for longer than \
             batch.lock_timeout ({}) or half of deadlock_timeout; end its transaction, which \
             pg_stat_activity shows, and retry the item",
            reported(limits.lock_timeout)
        ),
        STATEMENT_TIMEOUT => format!(
            "this item alone takes longer than batch.statement_timeout ({}); raise the setting and try it \
             again",
            reported(limits.statement_timeout)
        ),
        _ => "this item alone needs more memory than PostgreSQL has".to_owned(),
    };
    anyhow::anyhow!("{error:#}: {advice}")
}
