//! Progress of a run.

use serde::{Deserialize, Serialize};

use crate::orphans::Position;

/// Position in one of five steps, after the row that was looked at last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Cursor {
    /// Deletes old objects.
    Objects {
        /// Last object that was looked at.
        after: i64,
        /// Newest object when the run began.
        until: i64,
        /// How many more may be deleted, if that is limited.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        left: Option<i64>,
        /// Last thread, in the order of their names, if their number is limited.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        last_thread: Option<String>,
    },
    /// Deletes bookmarks of posts whose object is gone.
    Bookmarks {
        /// Last bookmark that was looked at.
        after: i64,
    },
    /// Deletes orphaned activities.
    Activities(Position),
    /// Deletes hashtags that nothing has any more.
    Hashtags {
        /// Last hashtag that was looked at.
        after: i64,
    },
    /// Counts replies.
    ReplyCounts {
        /// Last post whose replies were counted.
        after: String,
    },
}
