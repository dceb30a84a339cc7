//! Where a removal stands.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Where a run stands: in one of the steps, in this order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The account's newest activity when the run began; later ones are the run's own.
    pub until: Uuid,
    /// The newest follow relation of anybody when the run began; later ones are left alone.
    pub last_relation: i64,
    /// Whether the row itself goes at the end.
    pub row_goes: bool,
    /// Whether the plan found anything to do.
    pub needed: bool,
    /// When the last delivery that the run asked for is due, if they were not all due at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliveries_until: Option<DateTime<Utc>>,
    /// Whether it was looked, before the row goes, for what others have written meanwhile.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub looked_behind: bool,
    /// The step.
    #[serde(flatten)]
    pub step: Step,
}

/// The steps of a removal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// Other servers are told, and the profile is emptied.
    AnnounceDeletion,
    /// Notifications that the account caused go.
    Notifications {
        /// The last activity that was walked over.
        after: Uuid,
    },
    /// What the original leaves behind goes, kind by kind.
    Leftovers {
        /// The kind, as the plan names it.
        kind: String,
    },
    /// Posts, likes and boosts go.
    Posts {
        /// The last activity that was walked over.
        after: Uuid,
    },
    /// Its followers follow it no more.
    Followers {
        /// The last relation that was walked over.
        after: i64,
    },
    /// It follows nobody any more.
    FollowedAccounts {
        /// The last relation that was walked over.
        after: i64,
    },
    /// Its own requests to follow somebody go.
    FollowRequests,
    /// The server delivers, and forgets the account.
    Deliveries {
        /// Not waited for any longer than this.
        deadline: DateTime<Utc>,
        /// How often was looked.
        looks: u32,
    },
    /// A running server removes the account, as far as it remembers it.
    ServerRemoval {
        /// Not waited for any longer than this.
        deadline: DateTime<Utc>,
        /// How often was looked.
        looks: u32,
    },
    /// The row goes, or loses its keys.
    Account,
}

impl Step {
    /// From where everything is walked over that others may have written meanwhile: the account
    /// itself has been announced as deleted.
    pub(super) const BEGINNING: Self = Self::Notifications { after: Uuid::nil() };
}

impl Cursor {
    /// The same run in another step.
    pub(super) fn at(&self, step: Step) -> Self {
        Self { step, ..*self }
    }
}
