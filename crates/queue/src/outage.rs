//! Logs once that a queue is not served, and once that it is served again.

use std::sync::atomic::{AtomicBool, Ordering};

use super::error::QueueError;

/// Logged state of one queue's service.
pub(super) struct Outage {
    queue: String,
    going_on: AtomicBool,
}

impl Outage {
    pub(super) fn new(queue: String) -> Self {
        Self { queue, going_on: AtomicBool::new(false) }
    }

    /// Records a failure; warns if it is the first one, and returns whether it is.
    pub(super) fn begun(&self, error: &QueueError) -> bool {
        let is_first = !self.going_on.swap(true, Ordering::Relaxed);
        if is_first {
            tracing::warn!(
                queue = self.queue,
                %error,
                "no jobs are fetched from this queue now; running jobs go on, and fetching is tried \
                 again until it works"
            );
        } else {
            tracing::debug!(queue = self.queue, %error, "the queue is still not being served");
        }
        is_first
    }

    /// Records a successful fetch.
    pub(super) fn ended(&self) {
        if self.going_on.swap(false, Ordering::Relaxed) {
            tracing::info!(queue = self.queue, "jobs are fetched from this queue again");
        }
    }
}
