//! What the loop does when a turn fails: again, in smaller batches, later, or never.

use std::time::Duration;

use serde_json::Value;
use tokio::time::sleep;
use tracing::{info, warn};

use super::{
    FailPoint, Job, JobError, Parking,
    drive::{Drive, Ended, Next, decode, encode},
    ledger::{self, Checkpoint},
    transaction::answered,
};

/// How often in a row a batch gives way before the claim is given back, with a failed try: after 6 s.
/// Until then nothing has failed: whoever was in the way was there for a moment.
const GIVES_WAY_MAX: u32 = 10;

/// How long it stays away at most, before it tries again.
const GIVES_WAY_FOR: Duration = Duration::from_millis(800);

/// Parking one row after the other without a success between them means that it is not the rows.
const PARKED_IN_A_ROW_MAX: u32 = 25;

impl<J: Job> Drive<'_, J> {
    /// Chooses the remedy for a failed turn.
    pub(super) async fn react(&mut self, result: Result<Next, JobError>) -> Next {
        let error = match result {
            Ok(next) => {
                self.tries = 0;
                return next;
            }
            Err(error) => error,
        };
        match error {
            JobError::Row { error, sqlstate } => {
                if self.pacing.split() {
                    return Next::Continue(());
                }
                let limit = self.driver.batch.patience();
                match answered(limit, Box::pin(self.park(&error, sqlstate.as_deref()))).await {
                    Ok(next) => next,
                    Err(error) => Next::Break(self.settle(error).await),
                }
            }
            JobError::Retry(error) if self.tries < self.driver.retry.quick_tries => {
                self.tries += 1;
                self.pacing.disturbed();
                warn!(run_id = self.claim.run_id, error = %format!("{error:#}"), tries = self.tries,
                    "A batch was undone and is tried again");
                sleep(self.driver.retry.quick_delay(self.tries)).await;
                Next::Continue(())
            }
            JobError::GaveWay(error) if self.tries < GIVES_WAY_MAX => {
                self.tries += 1;
                self.pacing.disturbed();
                info!(run_id = self.claim.run_id, error = %format!("{error:#}"), tries = self.tries,
                    "A batch gave way to others, was undone and is tried again");
                tokio::select! {
                    () = sleep(self.driver.retry.quick_delay(self.tries).min(GIVES_WAY_FOR)) => {}
                    () = self.driver.stop.cancelled() => {}
                }
                Next::Continue(())
            }
            error => Next::Break(self.settle(error).await),
        }
    }

    /// Steps over the one row that failed, and notes why.
    async fn park(
        &mut self,
        reason: &anyhow::Error,
        sqlstate: Option<&str>,
    ) -> Result<Next, JobError> {
        self.parked_in_a_row += 1;
        if self.parked_in_a_row > PARKED_IN_A_ROW_MAX {
            return Err(JobError::Fail(anyhow::anyhow!(
                "{PARKED_IN_A_ROW_MAX} items in a row could not be done; the last one: {reason:#}"
            )));
        }
        let mut tx = self.begin().await?;
        let Some(locked) = ledger::lock(&mut tx, self.claim).await? else {
            return Ok(Next::Break(Ended::Lost));
        };
        let here = locked.cursor.unwrap_or(Value::Null);
        let skipped = match &here {
            Value::Null => None,
            cursor => self.job.skip(self.world, &mut tx, decode::<J>(cursor)?).await?,
        };
        let Some(skipped) = skipped else {
            // No item is left, or none was planned yet, and still it fails: that is nobody's row.
            return Err(JobError::Fail(anyhow::anyhow!("{reason:#}")));
        };
        let parking = Parking { item: skipped.item, reason: format!("{reason:#}"), cursor: here };
        ledger::park(&mut tx, self.claim, &parking, sqlstate).await?;
        let cursor = encode(&skipped.cursor)?;
        let checkpoint = Checkpoint {
            cursor: &cursor,
            done: 0,
            parked: &[],
            deliveries_until: None,
            flushed: true,
        };
        ledger::advance(&mut tx, self.claim, checkpoint, self.driver.lease).await?;
        FailPoint::BeforeParkCommit.reach();
        tx.commit().await?;
        FailPoint::AfterParkCommit.reach();
        warn!(
            run_id = self.claim.run_id,
            item = parking.item,
            reason = parking.reason,
            "An item is parked"
        );
        self.pacing.isolated();
        self.progress.send_modify(|progress| progress.parked += 1);
        Ok(Next::Continue(()))
    }

    /// Ends the claim after a failed try, in the ledger as well.
    pub(super) async fn settle(&self, error: JobError) -> Ended {
        match answered(self.driver.batch.patience(), Box::pin(self.write_down(&error))).await {
            Ok(ended) => ended,
            Err(unreachable) => {
                // The lease runs out by itself, and whoever claims the run then goes on.
                warn!(run_id = self.claim.run_id, %error, %unreachable,
                    "The run is left to its lease: its failure could not be written down");
                Ended::Lost
            }
        }
    }

    async fn write_down(&self, error: &JobError) -> sqlx::Result<Ended> {
        let text = error.to_string();
        let mut tx = self.begin().await?;
        let Some(locked) = ledger::lock(&mut tx, self.claim).await? else {
            return Ok(Ended::Lost);
        };
        let delay = match error {
            JobError::Retry(_) | JobError::GaveWay(_) => self.driver.retry.delay(locked.attempt),
            _ => None,
        };
        let goes_on = delay.is_some() || matches!(error, JobError::Newer(_));
        // A wish that came while the batch failed must not wait for the next try.
        let wish = if goes_on { self.follow(&mut tx, &locked).await? } else { None };
        let ended = if let Some(ended) = wish {
            warn!(
                run_id = self.claim.run_id,
                error = text,
                "A batch was undone, and the run stops here as an operator wants"
            );
            ended
        } else if let JobError::Newer(_) = error {
            ledger::leave(&mut tx, self.claim, &text).await?;
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
