//! Named places in the loop at which a test kills the process.
//!
//! They are compiled in only with the feature `failpoints`. The environment variable `FAILPOINTS`
//! arms them: `before_batch_commit=2*off->return` kills the process with SIGKILL when it gets there
//! for the third time.

/// A place at which a crash would do the most damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FailPoint {
    /// A notification has arrived; its run is not claimed yet.
    BeforeClaim,
    /// The claim is committed; nothing is done yet.
    AfterClaim,
    /// The plan is made, but not stored.
    BeforePlanCommit,
    /// The plan is stored.
    AfterPlanCommit,
    /// A batch is done and checkpointed, but not committed.
    BeforeBatchCommit,
    /// A batch is committed, but not reported.
    AfterBatchCommit,
    /// The recount at the end agrees; the last batch is not committed.
    BeforeFinishCommit,
    /// The run has succeeded, but that is not reported.
    AfterFinishCommit,
    /// A bad row is skipped, but that is not committed.
    BeforeParkCommit,
    /// A bad row is parked.
    AfterParkCommit,
    /// The lease is given back, but that is not committed.
    BeforeGiveBackCommit,
    /// The lease is given back.
    AfterGiveBackCommit,
    /// The handler is done; its notification is not acknowledged.
    BeforeAcknowledge,
    /// The notification is acknowledged.
    AfterAcknowledge,
    /// The reconciler has notified workers of a due run, but not recorded that.
    AfterNotify,
    /// A run is written to the ledger, but not committed.
    BeforeEnqueueCommit,
    /// A run is in the ledger, but no worker is notified.
    AfterEnqueueCommit,
}

impl FailPoint {
    /// Every fail point.
    pub const ALL: [Self; 17] = [
        Self::BeforeClaim,
        Self::AfterClaim,
        Self::BeforePlanCommit,
        Self::AfterPlanCommit,
        Self::BeforeBatchCommit,
        Self::AfterBatchCommit,
        Self::BeforeFinishCommit,
        Self::AfterFinishCommit,
        Self::BeforeParkCommit,
        Self::AfterParkCommit,
        Self::BeforeGiveBackCommit,
        Self::AfterGiveBackCommit,
        Self::BeforeAcknowledge,
        Self::AfterAcknowledge,
        Self::AfterNotify,
        Self::BeforeEnqueueCommit,
        Self::AfterEnqueueCommit,
    ];

    /// Name in `FAILPOINTS`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BeforeClaim => "before_claim",
            Self::AfterClaim => "after_claim",
            Self::BeforePlanCommit => "before_plan_commit",
            Self::AfterPlanCommit => "after_plan_commit",
            Self::BeforeBatchCommit => "before_batch_commit",
            Self::AfterBatchCommit => "after_batch_commit",
            Self::BeforeFinishCommit => "before_finish_commit",
            Self::AfterFinishCommit => "after_finish_commit",
            Self::BeforeParkCommit => "before_park_commit",
            Self::AfterParkCommit => "after_park_commit",
            Self::BeforeGiveBackCommit => "before_give_back_commit",
            Self::AfterGiveBackCommit => "after_give_back_commit",
            Self::BeforeAcknowledge => "before_acknowledge",
            Self::AfterAcknowledge => "after_acknowledge",
            Self::AfterNotify => "after_notify",
            Self::BeforeEnqueueCommit => "before_enqueue_commit",
            Self::AfterEnqueueCommit => "after_enqueue_commit",
        }
    }

    /// Marks the place in the code. Does nothing unless a test has armed it.
    pub fn reach(self) {
        #[cfg(feature = "failpoints")]
        armed::reach(self);
    }
}

#[cfg(feature = "failpoints")]
pub use armed::arm;

#[cfg(feature = "failpoints")]
mod armed {
    use rustix::process::{Signal, getpid, kill_process};

    use super::FailPoint;

    /// Reads `FAILPOINTS`. The fail points stay armed for as long as the value lives.
    #[must_use]
    pub fn arm() -> impl Drop {
        fail::FailScenario::setup()
    }

    pub(super) fn reach(point: FailPoint) {
        fail::fail_point!(point.name(), |_argument| die());
    }

    /// Dies as by `kill -9`: no destructor runs, no connection is closed properly.
    fn die() {
        // Nothing runs after a SIGKILL, whatever the call returns.
        let _sent = kill_process(getpid(), Signal::KILL);
    }
}
