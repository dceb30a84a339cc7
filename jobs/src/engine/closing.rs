//! What follows a run's last batch: looking again at what others may have written over, and walking
//! once more where the recount finds something left.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{Connection as _, PgConnection, PgTransaction};
use tracing::{debug, info};

use super::{
    Batch, Count, FailPoint, Job, JobError, Wait,
    counting::Finishing,
    drive::{Drive, Ended, Turn, encode},
    ledger::{self, Figures, Locked, SetBack, Writes},
    wire,
};

/// How often the recount may have a run walk once more, until an operator has it tried again. Each
/// time less can be left: what was there when the run began, and was seen too late.
const SET_BACK_MAX: u32 = 3;

/// Batches whose writes are looked at in one transaction.
const LOOK_AT: i64 = 20;

/// Who read something outside of a transaction writes it within so long, if at all.
const GRACE: Duration = Duration::from_secs(1);

/// How often it is looked again because the look before found something. What was wrong until then may
/// have been read, and be written once more, by somebody who began after the last batch.
const ROUNDS_MAX: u32 = 5;

/// Between two looks whether others are through.
const AGAIN: Duration = Duration::from_secs(1);

/// How far the end of a run has got; a wire format like a cursor.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Closing {
    /// How often the recount has had the run walk once more, or look again.
    pub(super) set_back: u32,
    #[serde(default)]
    phase: Phase,
}

/// What comes next.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
enum Phase {
    /// Batches.
    #[default]
    Walking,
    /// The last batch is committed, and others are there who may write over what it wrote.
    Walked,
    /// They are waited for.
    Waiting {
        /// The transactions that were open when the last batch was committed, or what a look set right.
        open: Vec<String>,
        /// When that was.
        since: DateTime<Utc>,
        /// How often it was looked at everything before.
        #[serde(default)]
        round: u32,
    },
    /// What the batches wrote is looked at.
    Looking {
        /// Up to this one.
        after: i64,
        /// How often that was done before.
        #[serde(default)]
        round: u32,
        /// Whether anything was set right in this round.
        #[serde(default)]
        set_right: bool,
    },
}

impl Phase {
    /// Everything is looked at.
    const fn look(round: u32) -> Self {
        Self::Looking { after: 0, round, set_right: false }
    }
}

impl Closing {
    /// Reads what the ledger holds; nothing before the end.
    fn read(stored: Option<&Value>) -> Result<Self, JobError> {
        let Some(stored) = stored else { return Ok(Self::default()) };
        wire::read(stored)
            .map_err(|error| JobError::Newer(format!("its end cannot be read: {error}")))
    }

    fn at(&self, phase: Phase) -> Self {
        Self { phase, ..*self }
    }

    /// The same once more, unless that was so too often.
    fn set_back(&self, phase: Phase, too_often: impl FnOnce() -> String) -> Result<Self, JobError> {
        if self.set_back >= SET_BACK_MAX {
            return Err(JobError::fail(too_often()));
        }
        Ok(Self { set_back: self.set_back + 1, phase })
    }
}

/// What the recount at a run's end found.
#[derive(Debug)]
pub enum Recount<C> {
    /// What the rules allow.
    Right,
    /// More than that: somebody else wrote it while the run was behind it already.
    Left(Left<C>),
}

/// What a run should have dealt with.
#[derive(Debug)]
pub struct Left<C> {
    /// How many items, parked ones among them.
    pub items: i64,
    /// What they are, as a person says it: `posts, likes and boosts of https://…`.
    pub what: String,
    /// From where they are met when the run walks once more.
    pub cursor: C,
}

/// What cannot be set right is no item of the run that could be left aside.
fn nobodys_row(error: JobError) -> JobError {
    match error {
        JobError::Row { error, .. } => {
            JobError::Fail(error.context("what others wrote over could not be set right"))
        }
        error => error,
    }
}

impl<J: Job> Drive<'_, J> {
    /// A turn of a run whose last batch is committed; `None` before that.
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
                Phase::look(*round)
            }
            Phase::Looking { after, round, set_right } => {
                let writes = ledger::writes_after(&mut tx, self.claim, *after, LOOK_AT).await?;
                match writes.last() {
                    Some(last) => {
                        let found = self.recheck(&mut tx, &writes).await?;
                        Phase::Looking {
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
        self.put_down(&mut tx, &closing.at(next)).await?;
        FailPoint::BeforeBatchCommit.reach();
        tx.commit().await?;
        FailPoint::AfterBatchCommit.reach();
        Ok(Ok(Turn::AGAIN))
    }

    /// Whether a run that has nothing left to walk over still has to look again at what it wrote,
    /// because others are there. Then it is so from the next turn on.
    pub(super) async fn has_to_recheck(
        &self,
        db: &mut PgConnection,
        locked: &Locked,
    ) -> Result<bool, JobError> {
        if !ledger::has_writes(db, self.claim).await? || !ledger::others(db).await?.connected {
            return Ok(false);
        }
        let closing = Closing::read(locked.closing.as_ref())?;
        self.put_down(db, &closing.at(Phase::Walked)).await?;
        Ok(true)
    }

    /// Looks at what was written last, and notes who else is at work.
    async fn walked(&self, db: &mut PgConnection) -> Result<Phase, JobError> {
        // First, so that whoever begins while it looks is among them.
        let ledger::Others { open, at, .. } = ledger::others(db).await?;
        if self.look_at_fresh(db).await? == LOOK_AT {
            return Ok(Phase::Walked);
        }
        Ok(Phase::Waiting { open, since: at, round: 0 })
    }

    /// How to wait for others who may still write what they read before the last batch; `None` when
    /// they are through, or were waited for long enough.
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

    /// Looks at what was not looked at since it was written, and says what of how many batches that was.
    pub(super) async fn look_at_fresh(&self, db: &mut PgConnection) -> Result<i64, JobError> {
        let fresh = ledger::take_fresh_writes(db, self.claim, LOOK_AT).await?;
        self.recheck(db, &fresh).await?;
        Ok(i64::try_from(fresh.len()).unwrap_or(i64::MAX))
    }

    /// The same before a run stops, which is not to fail for that.
    pub(super) async fn look_before_it_stops(&self, db: &mut PgConnection) -> sqlx::Result<()> {
        let mut apart = db.begin().await?;
        match self.look_at_fresh(&mut apart).await {
            Ok(_) => apart.commit().await,
            Err(error) => {
                debug!(run_id = self.claim.run_id, %error, "The last batch was not looked at again");
                apart.rollback().await
            }
        }
    }

    /// Sets right what others have written over; gives whether there was anything.
    async fn recheck(&self, db: &mut PgConnection, writes: &[Writes]) -> Result<bool, JobError> {
        let mut set_right: Vec<Count> = Vec::new();
        for Writes { what, .. } in writes {
            let found = self.job.recheck(self.world, db, what).await.map_err(nobodys_row)?;
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
        ledger::tell_set_right(db, self.claim, &set_right).await?;
        Ok(true)
    }

    /// Counts what is not as the batches left it, and ends the looking, unless there is any.
    pub(super) async fn is_as_written(
        &self,
        db: &mut PgConnection,
        last: &Finishing,
    ) -> Result<bool, JobError> {
        let (mut after, mut undone) = (0, 0);
        loop {
            let writes = ledger::writes_after(db, self.claim, after, LOOK_AT).await?;
            let Some(last) = writes.last() else { break };
            after = last.n;
            for Writes { what, .. } in &writes {
                let counted = self.job.count_undone(self.world, db, what).await;
                undone += counted.map_err(nobodys_row)?;
            }
        }
        if undone == 0 {
            return Ok(true);
        }
        let closing = Closing::read(last.locked.closing.as_ref())?;
        let closing = closing.set_back(Phase::look(0), || {
            format!(
                "the recount found {undone} items that others had written over what the run wrote, \
                 also after they had been set right {SET_BACK_MAX} times: somebody goes on writing \
                 them. ostrakon runs retry sets them right again"
            )
        })?;
        self.put_down(db, &closing).await?;
        Ok(false)
    }

    /// Has the run walk once more, unless it did so too often. Parked items are met again on the way.
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

    async fn put_down(&self, db: &mut PgConnection, closing: &Closing) -> Result<(), JobError> {
        ledger::set_closing(db, self.claim, &encode(closing)?, self.driver.lease).await?;
        Ok(())
    }
}
