//! What a run's last batch is followed by.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgConnection;

use super::{
    Job, JobError,
    counting::Finishing,
    drive::{Drive, encode},
    ledger::{self, Figures, SetBack},
    wire,
};

/// How often the recount may have a run walk once more, until an operator has it tried again. Each
/// time less can be left: what was there when the run began, and was seen too late.
const SET_BACK_MAX: u32 = 3;

/// How far the end of a run has got; a wire format like a cursor.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Closing {
    /// How often the recount has had the run walk once more.
    pub(super) set_back: u32,
}

impl Closing {
    /// Reads what the ledger holds; nothing before the end.
    pub(super) fn read(stored: Option<&Value>) -> Result<Self, JobError> {
        let Some(stored) = stored else { return Ok(Self::default()) };
        wire::read(stored)
            .map_err(|error| JobError::Newer(format!("its end cannot be read: {error}")))
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

impl<J: Job> Drive<'_, J> {
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
        if closing.set_back >= SET_BACK_MAX {
            return Err(JobError::fail(format!(
                "the recount found {items} {what} where only the {parked} parked ones should be \
                 left, also after the run had gone over all of them {SET_BACK_MAX} times more: \
                 somebody goes on writing them. kenoma jobs retry goes over them again"
            )));
        }
        let closing = Closing { set_back: closing.set_back + 1 };
        let set_back = SetBack {
            cursor: &encode(&cursor)?,
            closing: &encode(&closing)?,
            left: items,
            what: &what,
        };
        ledger::set_back(db, self.claim, set_back, self.driver.lease).await?;
        Ok(())
    }
}
