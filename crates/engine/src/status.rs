//! Life cycle of a run, on one page.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Position of a run in its life cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Status {
    /// Waits for a worker, or for its next try.
    Queued,
    /// A worker holds its lease.
    Running,
    /// Stopped by an operator at the end of a batch; continues when resumed.
    Paused,
    /// Every item is done, and the recount agreed.
    Succeeded,
    /// Reached its end, and the recount agreed, but some items are parked; `retry` tries them
    /// again.
    Incomplete,
    /// Gave up, or reached its end with every item parked and none done. What was committed stays;
    /// `retry` tries what is left.
    Failed,
    /// Stopped for good by an operator; what was committed stays.
    Cancelled,
}

impl Status {
    /// Every status, in the order of a run's life.
    pub const ALL: [Self; 7] = [
        Self::Queued,
        Self::Running,
        Self::Paused,
        Self::Succeeded,
        Self::Incomplete,
        Self::Failed,
        Self::Cancelled,
    ];

    /// Word in ledger, JSON and text.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Succeeded => "succeeded",
            Self::Incomplete => "incomplete",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether the run is finished: nothing happens to it by itself any more.
    pub const fn is_finished(self) -> bool {
        matches!(self, Self::Succeeded | Self::Incomplete | Self::Failed | Self::Cancelled)
    }

    /// Status of a run that has reached its end; parked items never count as success.
    pub const fn at_the_end(done: i64, parked: i64) -> Self {
        match (done, parked) {
            (_, 0) => Self::Succeeded,
            (0, _) => Self::Failed,
            _ => Self::Incomplete,
        }
    }

    /// Whether a run may go from this status to `next`. The statements of the ledger follow it.
    #[expect(clippy::unnested_or_patterns, reason = "one line and one comment per arrow")]
    pub const fn may_become(self, next: Self) -> bool {
        use Status::{Cancelled, Failed, Incomplete, Paused, Queued, Running, Succeeded};
        match (self, next) {
            // A worker claims it; or its lease ran out, and another worker claims it.
            (Queued | Running, Running)
            // The worker was asked to stop, or a try failed and another one follows later.
            | (Running, Queued)
            // The last batch is committed; or no try is left, or none would help.
            | (Running, Succeeded | Incomplete | Failed)
            // An operator pauses it, before or while it is worked on …
            | (Queued | Running, Paused)
            // … and resumes.
            | (Paused, Queued)
            // An operator cancels what is not finished.
            | (Queued | Running | Paused, Cancelled)
            // An operator retries what is left, parked items included.
            | (Incomplete | Failed | Cancelled, Queued) => true,
            _ => false,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finished_run_only_leaves_by_an_operators_retry() {
        for from in Status::ALL.into_iter().filter(|status| status.is_finished()) {
            for to in Status::ALL {
                let by_retry = to == Status::Queued && from != Status::Succeeded;
                assert_eq!(from.may_become(to), by_retry, "{from} → {to}");
            }
        }
    }

    #[test]
    fn success_is_said_only_of_what_was_done() {
        assert_eq!(Status::at_the_end(0, 0), Status::Succeeded);
        assert_eq!(Status::at_the_end(9, 0), Status::Succeeded);
        assert_eq!(Status::at_the_end(8, 1), Status::Incomplete);
        assert_eq!(Status::at_the_end(0, 9), Status::Failed);
    }

    #[test]
    fn only_a_worker_makes_a_run_running() {
        let into_running: Vec<_> =
            Status::ALL.into_iter().filter(|from| from.may_become(Status::Running)).collect();
        assert_eq!(into_running, [Status::Queued, Status::Running]);
    }
}
