//! What follows a run's last batch: rechecking what other sessions may have overwritten, and
//! another pass where the recount finds something left.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{Connection as _, PgConnection, PgTransaction};
use tracing::{debug, info};

use super::{Ended, RunLoop, Turn, encode, plan_and_finish::Finishing};
use crate::{
    Batch, Count, FailPoint, Job, JobError, Left, Wait,
    ledger::{self, Figures, Locked, SetBack, Writes},
    wire,
};

/// Maximum number of times that the recount sends a run back, until an operator retries it. Each
/// time less can be left: what was there when the run began, and was seen too late.
const SET_BACK_MAX: u32 = 3;

/// Batches whose writes are rechecked in one transaction.
const RECHECK_BATCHES: i64 = 20;

/// Time within which a session writes back what it read outside of a transaction, if at all.
const GRACE: Duration = Duration::from_secs(1);

/// Maximum number of further rounds, each because the previous one restored something. A session
/// that began after the last batch may have read what was wrong until then, and may write it back.
const ROUNDS_MAX: u32 = 5;

/// Interval between checks whether other sessions are done.
const AGAIN: Duration = Duration::from_secs(1);

/// Progress of the end of a run; a wire format like a cursor.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Closing {
    /// Number of times that the recount demanded another pass, or another recheck.
    pub(super) set_back: u32,
    #[serde(default)]
    phase: Phase,
}

/// Phase of the end of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
enum Phase {
    /// Batches are being done.
    #[default]
    Walking,
    /// The last batch is committed, and other sessions may overwrite what it wrote.
    Walked,
    /// The run waits for those sessions.
    Waiting {
        /// Transactions that were open when the last batch was committed, or a round restored
        /// something.
        open: Vec<String>,
        /// Time of that commit or round, by the database's clock.
        since: DateTime<Utc>,
        /// Number of earlier rounds that rechecked everything.
        #[serde(default)]
        round: u32,
    },
    /// The run rechecks what its batches wrote.
    Rechecking {
        /// Number of the last batch that was rechecked.
        after: i64,
        /// Number of earlier rounds.
        #[serde(default)]
        round: u32,
        /// Whether this round restored anything.
        #[serde(default)]
        set_right: bool,
    },
}

impl Phase {
    /// Start of a round that rechecks everything.
    const fn recheck(round: u32) -> Self {
        Self::Rechecking { after: 0, round, set_right: false }
    }
}

impl Closing {
    /// Reads what the ledger holds; the default before the end of the run.
    fn read(stored: Option<&Value>) -> Result<Self, JobError> {
        let Some(stored) = stored else { return Ok(Self::default()) };
        wire::read(stored)
            .map_err(|error| JobError::Newer(format!("its end cannot be read: {error}")))
    }

    fn at(&self, phase: Phase) -> Self {
        Self { phase, ..*self }
    }

    /// Counts another set-back, unless there were too many.
    fn set_back(&self, phase: Phase, too_often: impl FnOnce() -> String) -> Result<Self, JobError> {
        if self.set_back >= SET_BACK_MAX {
            return Err(JobError::fail(too_often()));
        }
        Ok(Self { set_back: self.set_back + 1, phase })
    }
}

/// Converts a failure to restore something: that is no item of the run that could be parked.
fn blame_no_item(error: JobError) -> JobError {
    match error {
        JobError::Row { error, .. } => {
            JobError::Fail(error.context("what others wrote over could not be set right"))
        }
        error => error,
    }
}

impl<J: Job> RunLoop<'_, J> {
    /// Makes one turn of a run whose last batch is committed; hands back the transaction before
    /// that.
    pub(super) async fn close(
        &self,
        mut tx: PgTransaction<'static>,
        locked: Locked,
    ) -> Result<Result<Turn, (PgTransaction<'static>, Locked)>, JobError> {
        let closing = Closing::read(locked.closing.as_ref())?;
        let next = match &closing.phase {
            Phase::Walking => return Ok(Err((tx, locked))),
            Phase::Walked => self.walked(&mut tx).await?,
            Phase::Waiting { open, since, round } => {
                if let Some(wait) = self.wait_for_others(&mut tx, open, *since).await? {
                    ledger::postpone(&mut tx, self.claim, &wait).await?;
                    tx.commit().await?;
                    return Ok(Ok(Turn::ended(Ended::Waiting(wait))));
                }
                Phase::recheck(*round)
            }
            Phase::Rechecking { after, round, set_right } => {
                let writes =
                    ledger::writes_after(&mut tx, self.claim, *after, RECHECK_BATCHES).await?;
                match writes.last() {
                    Some(last) => {
                        let found = self.recheck(&mut tx, &writes).await?;
                        Phase::Rechecking {
                            after: last.n,
                            round: *round,
                            set_right: *set_right || found,
                        }
                    }
                    None if *set_right && *round < ROUNDS_MAX => {
                        let ledger::Others { open, at, .. } = ledger::others(&mut tx).await?;
                        Phase::Waiting { open, since: at, round: round + 1 }
                    }
                    None => {
                        let batch = Batch::end(locked.cursor.clone().unwrap_or(Value::Null));
                        let Locked { done, parked, total, .. } = locked;
                        let after = Figures { done, parked, total };
                        let last = Finishing::of(locked, batch, after, Duration::ZERO);
                        return Ok(Ok(Turn::Finish(tx, last)));
                    }
                }
            }
        };
        self.store_closing(&mut tx, &closing.at(next)).await?;
        FailPoint::BeforeBatchCommit.reach();
        tx.commit().await?;
        FailPoint::AfterBatchCommit.reach();
        Ok(Ok(Turn::AGAIN))
    }

    /// Whether a run with nothing left to walk over still has to recheck what it wrote, because
    /// other sessions are connected. If so, the next turn begins with that.
    pub(super) async fn has_to_recheck(
        &self,
        db: &mut PgConnection,
        locked: &Locked,
    ) -> Result<bool, JobError> {
        if !ledger::has_writes(db, self.claim).await? || !ledger::others(db).await?.connected {
            return Ok(false);
        }
        let closing = Closing::read(locked.closing.as_ref())?;
        self.store_closing(db, &closing.at(Phase::Walked)).await?;
        Ok(true)
    }

    /// Rechecks the latest writes, and notes which transactions of other sessions are open.
    async fn walked(&self, db: &mut PgConnection) -> Result<Phase, JobError> {
        // First, so that sessions that begin during the recheck are included.
        let ledger::Others { open, at, .. } = ledger::others(db).await?;
        if self.recheck_fresh(db).await? == RECHECK_BATCHES {
            return Ok(Phase::Walked);
        }
        Ok(Phase::Waiting { open, since: at, round: 0 })
    }

    /// How to wait for other sessions that may still write what they read before the last batch.
    /// `None` when they are done, or when the time limit is over.
    async fn wait_for_others(
        &self,
        db: &mut PgConnection,
        open: &[String],
        since: DateTime<Utc>,
    ) -> Result<Option<Wait>, JobError> {
        let timeout = self.driver.batch.late_writes;
        let now = ledger::others(db).await?;
        let waited = now.at.signed_duration_since(since).to_std().unwrap_or_default();
        let grace = GRACE.min(timeout).saturating_sub(waited);
        let active_runs = open.iter().any(|transaction| now.open.contains(transaction));
        let delay = if grace.is_zero() && active_runs {
            timeout.saturating_sub(waited).min(AGAIN)
        } else {
            grace
        };
        let reason = "others to be through with what they had begun before its last batch";
        Ok((!delay.is_zero()).then(|| Wait { delay, reason: reason.to_owned() }))
    }

    /// Rechecks what was not rechecked since it was written; returns the number of batches.
    pub(super) async fn recheck_fresh(&self, db: &mut PgConnection) -> Result<i64, JobError> {
        let fresh = ledger::take_fresh_writes(db, self.claim, RECHECK_BATCHES).await?;
        self.recheck(db, &fresh).await?;
        Ok(i64::try_from(fresh.len()).unwrap_or(i64::MAX))
    }

    /// Rechecks the latest writes before a run stops; a failure does not keep the run from
    /// stopping.
    pub(super) async fn recheck_before_stop(&self, db: &mut PgConnection) -> sqlx::Result<()> {
        let mut apart = db.begin().await?;
        match self.recheck_fresh(&mut apart).await {
            Ok(_) => apart.commit().await,
            Err(error) => {
                debug!(run_id = self.claim.run_id, %error, "The last batch was not rechecked");
                apart.rollback().await
            }
        }
    }

    /// Restores what other sessions have overwritten; returns whether there was anything.
    async fn recheck(&self, db: &mut PgConnection, writes: &[Writes]) -> Result<bool, JobError> {
        let mut set_right: Vec<Count> = Vec::new();
        for Writes { what, .. } in writes {
            let found = self.job.recheck(db, self.world, what).await.map_err(blame_no_item)?;
            for found in found {
                match set_right.iter_mut().find(|count| count.kind == found.kind) {
                    Some(count) => count.items += found.items,
                    None => set_right.push(found),
                }
            }
        }
        if set_right.is_empty() {
            return Ok(false);
        }
        let reported: Vec<String> =
            set_right.iter().map(|count| format!("{} {}", count.items, count.kind)).collect();
        info!(
            run_id = self.claim.run_id,
            "Set right what others had written over: {}",
            reported.join(", ")
        );
        ledger::record_set_right(db, self.claim, &set_right).await?;
        Ok(true)
    }

    /// Whether everything is as the batches left it; if not, starts another recheck.
    pub(super) async fn is_as_written(
        &self,
        db: &mut PgConnection,
        last: &Finishing,
    ) -> Result<bool, JobError> {
        let (mut after, mut undone) = (0, 0);
        loop {
            let writes = ledger::writes_after(db, self.claim, after, RECHECK_BATCHES).await?;
            let Some(last) = writes.last() else { break };
            after = last.n;
            for Writes { what, .. } in &writes {
                let counted = self.job.count_undone(db, self.world, what).await;
                undone += counted.map_err(blame_no_item)?;
            }
        }
        if undone == 0 {
            return Ok(true);
        }
        let closing = Closing::read(last.locked.closing.as_ref())?;
        let closing = closing.set_back(Phase::recheck(0), || {
            format!(
                "the recount found {undone} items that others had written over what the run wrote, \
                 also after they had been set right {SET_BACK_MAX} times: somebody goes on writing \
                 them. ostrakon runs retry sets them right again"
            )
        })?;
        self.store_closing(db, &closing).await?;
        Ok(false)
    }

    /// Sends the run on another pass, unless it had too many. The pass meets parked items again.
    pub(super) async fn set_back(
        &self,
        db: &mut PgConnection,
        last: &Finishing,
        left: Left<J::Cursor>,
    ) -> Result<(), JobError> {
        let Finishing { locked, after: Figures { parked, .. }, .. } = last;
        let closing = Closing::read(locked.closing.as_ref())?;
        let Left { items, what, cursor } = left;
        let closing = closing.set_back(Phase::Walking, || {
            format!(
                "the recount found {items} {what} where only the {parked} parked ones should be \
                 left, also after the run had gone over all of them {SET_BACK_MAX} times more: \
                 somebody goes on writing them. ostrakon runs retry goes over them again"
            )
        })?;
        let set_back = SetBack {
            cursor: &encode(&cursor)?,
            closing: &encode(&closing)?,
            left: items,
            what: &what,
        };
        ledger::set_back(db, self.claim, set_back, self.driver.lease).await?;
        Ok(())
    }

    async fn store_closing(
        &self,
        db: &mut PgConnection,
        closing: &Closing,
    ) -> Result<(), JobError> {
        ledger::set_closing(db, self.claim, &encode(closing)?, self.driver.lease).await?;
        Ok(())
    }
}
