//! The two classes of jobs.

use serde::{Deserialize, Serialize};

/// Queue in which a job waits, so that a short job never waits behind a long one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Ends within seconds: one account, a handful of rows.
    Short,
    /// May run for hours: an account's whole history, a whole instance.
    Long,
}

impl Class {
    /// Both classes, in a fixed order.
    pub const ALL: [Self; 2] = [Self::Short, Self::Long];

    /// Class's part of a queue name; never changes once released.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Short => "short",
            Self::Long => "long",
        }
    }
}
