//! Polling interval of an idle worker.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use apalis_core::backend::ext::poll_strategy::{PollSnapshot, PollStrategy};
use tokio::time::{Instant, Sleep};

/// Polling strategy with a fixed interval.
///
/// apalis's own interval replaces its expired timer without polling the new one, so nothing wakes
/// the worker until its next heartbeat.
pub(super) struct SafeInterval {
    interval: Duration,
    timer: Pin<Box<Sleep>>,
}

impl SafeInterval {
    /// Starts the first wait; must be called inside a tokio runtime.
    pub(super) fn new(interval: Duration) -> Self {
        Self { interval, timer: Box::pin(tokio::time::sleep(interval)) }
    }
}

impl PollStrategy for SafeInterval {
    fn poll_drive(&mut self, cx: &mut Context<'_>, _: &PollSnapshot) -> Poll<Option<()>> {
        let mut expired = false;
        // The loop ends with a pending timer, which has registered the waker.
        while self.timer.as_mut().poll(cx).is_ready() {
            expired = true;
            self.timer.as_mut().reset(Instant::now() + self.interval);
        }
        if expired { Poll::Ready(Some(())) } else { Poll::Pending }
    }
}
