//! Where a run stands.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// In one of four steps, behind what was dealt with last; the others were written by older versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Cursor {
    /// Accounts of the host are switched off.
    SwitchOff {
        /// The last account of the host.
        after: Uuid,
    },
    /// Their relations to active local accounts end, those to one after the other.
    EndRelations {
        /// The local account of the last relation.
        after: Uuid,
        /// The last relation.
        relation: i64,
    },
    /// Local accounts that follow them are counted anew.
    CountAnew {
        /// The last local account.
        after: Uuid,
    },
    /// The running server is asked to read them anew.
    ReadAnew {
        /// The last account of the host.
        after: Uuid,
    },
    /// An older version walked over all accounts, switched those of the host off, and had them read
    /// anew at once.
    Switch {
        /// The last account, of whatever host.
        after: Uuid,
        /// Accounts that were inactive before the run, with relations that are left alone.
        excluded: Vec<Uuid>,
    },
    /// Then over all local accounts, whose relations to the host ended.
    Unfollow {
        /// The last account, local or not.
        after: Uuid,
        /// As before.
        excluded: Vec<Uuid>,
    },
    /// And once more, to count them anew.
    Recount {
        /// The last account, local or not.
        after: Uuid,
    },
}

impl Cursor {
    /// Where every run begins.
    pub(super) const START: Self = Self::SwitchOff { after: Uuid::nil() };
}
