//! What the loop needs, and what it returns.

use std::{sync::Arc, time::Duration};

use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::{
    BatchSettings, ServerQueues, ThrottleSettings, Wait, ledger::Lease, retry::RetrySettings,
};

/// Connections and settings that the loop needs besides the job.
#[derive(Debug, Clone)]
pub struct Driver {
    /// Pool for the batches.
    pub pool: PgPool,
    /// Pool for the lease and the throttle; small and separate, so that heavy work cannot starve
    /// it.
    pub lease_pool: PgPool,
    /// Settings of batches.
    pub batch: BatchSettings,
    /// Bounds beyond which long runs are throttled.
    pub throttle: ThrottleSettings,
    /// The server's own queues, behind which long runs are throttled.
    pub queues: Arc<dyn ServerQueues>,
    /// Duration and renewal interval of the lease.
    pub lease: Lease,
    /// When to retry, and when to give up.
    pub retry: RetrySettings,
    /// Cancelled when the process should stop: the loop finishes the current batch and gives the
    /// lease back.
    pub stop: CancellationToken,
}

/// How a claim ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// Every item is done.
    Succeeded,
    /// The run reached its end; some items are done, the others parked.
    Incomplete,
    /// The run gave up, with the reason that the ledger records.
    Failed(String),
    /// An operator cancelled the run.
    Cancelled,
    /// An operator paused the run.
    Paused,
    /// The process should stop; the run is queued again.
    Interrupted,
    /// The job waits for something else; the run is queued again and continues after the delay.
    Waiting(Wait),
    /// A try failed; the run is queued again and starts after the delay.
    Retrying(String, Duration),
    /// A newer version wrote the run, and this one cannot read it; the run is queued again for a
    /// worker that can.
    LeftToNewer(String),
    /// Another worker holds the run, or the database cannot be reached.
    Lost,
}
