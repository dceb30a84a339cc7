//! Progress of a removal.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Progress of a run: one of the steps, in this order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Newest activity of the account when the run began; later ones are the run's own.
    pub until: Uuid,
    /// Newest follow relation of any account when the run began; the run leaves later ones alone.
    pub last_relation: i64,
    /// Whether the row itself is deleted at the end.
    pub row_goes: bool,
    /// Whether the plan found anything to do.
    pub needed: bool,
    /// Time at which the last delivery of the run is due, unless all were due immediately.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliveries_until: Option<DateTime<Utc>>,
    /// Whether the run has checked, before the row goes, for what other sessions wrote meanwhile.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub second_pass: bool,
    /// Current step.
    #[serde(flatten)]
    pub step: Step,
}

/// Steps of a removal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// Notifies other servers, and empties the profile.
    AnnounceDeletion,
    /// Removes notifications that the account caused.
    Notifications {
        /// Last activity walked over.
        after: Uuid,
    },
    /// Removes what the original leaves behind, kind by kind.
    Leftovers {
        /// Kind of rows, as the plan names it.
        kind: String,
    },
    /// Removes posts, likes and boosts.
    Posts {
        /// Last activity walked over.
        after: Uuid,
    },
    /// Ends the relations of the account's followers.
    Followers {
        /// Last relation walked over.
        after: i64,
    },
    /// Ends the relations to accounts that it follows.
    FollowedAccounts {
        /// Last relation walked over.
        after: i64,
    },
    /// Removes its own pending follow requests.
    FollowRequests,
    /// Waits until the server has delivered and reloaded the account.
    Deliveries {
        /// Time at which the run stops waiting.
        deadline: DateTime<Utc>,
        /// Number of checks so far.
        checks: u32,
    },
    /// Lets the running server remove the account from its memory.
    ServerRemoval {
        /// Time at which the run stops waiting.
        deadline: DateTime<Utc>,
        /// Number of checks so far.
        checks: u32,
    },
    /// Deletes the row, or its keys.
    Account,
}

impl Step {
    /// Start of the pass over everything that other sessions may have written meanwhile: the
    /// account's own deletion has already been announced.
    pub(super) const BEGINNING: Self = Self::Notifications { after: Uuid::nil() };
}

impl Cursor {
    /// Moves the same run to another step.
    pub(super) fn at(&self, step: Step) -> Self {
        Self { step, ..*self }
    }
}
