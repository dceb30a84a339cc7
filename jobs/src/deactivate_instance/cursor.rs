//! Progress of a run.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Position in one of four steps, after the item dealt with last. Older versions wrote the other
/// steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Cursor {
    /// Deactivates accounts of the host.
    SwitchOff {
        /// Last account of the host that was dealt with.
        after: Uuid,
    },
    /// Ends their relations to active local accounts, grouped by local account.
    EndRelations {
        /// Local account of the last relation.
        after: Uuid,
        /// Last relation that was dealt with.
        relation: i64,
    },
    /// Recounts whom the local followers of these accounts follow.
    CountAnew {
        /// Last local account that was dealt with.
        after: Uuid,
    },
    /// Asks the running server to reload the accounts.
    ReadAnew {
        /// Last account of the host that was dealt with.
        after: Uuid,
    },
    /// Older versions: walked all accounts, deactivated those of the host, and made the server
    /// reload them immediately.
    Switch {
        /// Last account walked over, of any host.
        after: Uuid,
        /// Accounts that were inactive before the run, whose relations the run leaves alone.
        excluded: Vec<Uuid>,
    },
    /// Older versions: then walked all local accounts, and ended their relations to the host.
    Unfollow {
        /// Last account walked over, local or not.
        after: Uuid,
        /// Accounts that were inactive before the run.
        excluded: Vec<Uuid>,
    },
    /// Older versions: then walked all local accounts again, to recount them.
    Recount {
        /// Last account walked over, local or not.
        after: Uuid,
    },
}

impl Cursor {
    /// Start of every run.
    pub(super) const START: Self = Self::SwitchOff { after: Uuid::nil() };
}
