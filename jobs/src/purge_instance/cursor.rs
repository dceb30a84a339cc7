//! Progress of a run.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Position in one of the steps, which follow one another in this order; but lists are walked over
/// before the accounts go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Cursor {
    /// Removes what accounts of the host did, with the objects of their posts.
    Activities {
        /// Account whose activities are walked over.
        actor: String,
        /// Last activity walked over.
        after: Uuid,
    },
    /// Removes objects of these accounts that have no activity.
    Objects {
        /// Last object walked over.
        after: i64,
    },
    /// Removes chats with these accounts, and what local accounts wrote there.
    ChatMessages {
        /// Last object walked over.
        after: i64,
    },
    /// Ends follow relations in both directions.
    Relations {
        /// Last relation that was dealt with.
        after: i64,
    },
    /// Removes closed reports.
    Reports {
        /// Last report that was dealt with.
        after: Uuid,
    },
    /// Removes what other accounts did to these accounts, such as follows and blocks.
    Addressed {
        /// Last account that was dealt with.
        actor: String,
    },
    /// Removes the accounts.
    Accounts {
        /// Last account that was dealt with.
        after: Uuid,
    },
    /// Removes the accounts from lists, and their threads from the muted ones; removes jobs.
    Traces {
        /// Table that is walked over.
        table: Traces,
        /// Last row walked over.
        after: i64,
    },
}

/// Tables without an index on what a host leaves there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Traces {
    /// Lists of local accounts.
    Lists,
    /// Threads that local accounts have muted.
    MutedThreads,
    /// Jobs of the server.
    Jobs,
    /// Rows about the host itself.
    Host,
}

impl Cursor {
    /// Start of every run.
    pub(super) const START: Self = Self::Activities { actor: String::new(), after: Uuid::nil() };
}
