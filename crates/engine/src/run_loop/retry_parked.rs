//! Retrying parked items: one item, one transaction.

use chrono::{DateTime, Utc};
use sqlx::PgTransaction;

use super::{Ended, RunLoop, Turn, decode, encode};
use crate::{
    FailPoint, Job, JobError, Status, Wait,
    ledger::{self, ToRetry},
};

/// Outcome of retrying a parked item.
enum Tried {
    /// Done; with the time when the last delivery that it requested is due, if later than now.
    Done(Option<DateTime<Utc>>),
    /// Partly done; the rest comes next.
    Portion,
    /// Still parked, with the reason.
    Stays(String),
    /// Not possible yet.
    Wait(Wait),
}

impl<J: Job> RunLoop<'_, J> {
    /// Makes one turn of a run whose parked items are retried. Failures do not end the retry: there
    /// are no more items than were parked. Only stuck items in a row end it (`keep_parked`).
    pub(super) async fn retry_parked(
        &mut self,
        mut tx: PgTransaction<'static>,
        item: ToRetry,
    ) -> Result<Turn, JobError> {
        let mut deliveries_until = None;
        self.in_batch = true;
        match self.retry_one(&mut tx, &item).await {
            Ok(Tried::Done(until)) => {
                deliveries_until = until;
                self.failing.done();
                ledger::unpark(&mut tx, self.claim, &item.item).await?;
            }
            Ok(Tried::Wait(wait)) => {
                ledger::postpone(&mut tx, self.claim, &wait).await?;
                tx.commit().await?;
                return Ok(Turn::ended(Ended::Waiting(wait)));
            }
            Ok(Tried::Portion) => {}
            Ok(Tried::Stays(reason)) => {
                ledger::keep_parked(&mut tx, self.claim, &item.item, &reason, None).await?;
            }
            Err(JobError::Row { error, sqlstate }) => {
                tx.rollback().await?;
                tx = self.begin().await?;
                if ledger::lock(&mut tx, self.claim).await?.is_none() {
                    return Ok(Turn::ended(Ended::Lost));
                }
                let reason = format!("{error:#}");
                let sqlstate = sqlstate.as_deref();
                ledger::keep_parked(&mut tx, self.claim, &item.item, &reason, sqlstate).await?;
            }
            Err(error) => return Err(error),
        }
        ledger::made_progress(&mut tx, self.claim, self.driver.lease, deliveries_until).await?;
        FailPoint::BeforeParkCommit.reach();
        tx.commit().await?;
        FailPoint::AfterParkCommit.reach();
        Ok(Turn::AGAIN)
    }

    /// Retries a parked item, unless another session has dealt with it by now.
    async fn retry_one(
        &mut self,
        tx: &mut PgTransaction<'static>,
        item: &ToRetry,
    ) -> Result<Tried, JobError> {
        let cursor = || decode::<J>(&item.cursor);
        let first = self.job.skip(tx, self.world, &mut self.state, cursor()?).await?;
        if first.is_some_and(|first| first.item != item.item) {
            // The item is gone; the one that follows must not be touched.
            return Ok(Tried::Done(None));
        }
        let batch = self.job.batch(tx, self.world, &mut self.state, cursor()?, 1).await?;
        if let Some(written) = &batch.written {
            ledger::note_writes(tx, self.claim, written).await?;
        }
        let here = encode(&cursor()?)?;
        let moved = batch.end || encode(&batch.cursor)? != here;
        Ok(match (batch.parked.into_iter().next(), batch.wait) {
            (Some(parking), _) => Tried::Stays(parking.reason),
            // Nothing was done: the item is retried later.
            (None, Some(wait)) if batch.done == 0 => Tried::Wait(wait),
            (None, None) if !moved => Tried::Portion,
            (None, _) => Tried::Done(batch.deliveries_until),
        })
    }

    /// Ends a run of which only the parked items were retried with its previous status.
    pub(super) async fn end_as_before(
        &self,
        mut tx: PgTransaction<'static>,
        before: Status,
    ) -> Result<Turn, JobError> {
        let ended = match before {
            Status::Cancelled => Ended::Cancelled,
            _ => Ended::Failed("only its parked items were tried again".to_owned()),
        };
        ledger::end_as_before(&mut tx, self.claim, before).await?;
        FailPoint::BeforeFinishCommit.reach();
        tx.commit().await?;
        FailPoint::AfterFinishCommit.reach();
        Ok(Turn::ended(ended))
    }
}
