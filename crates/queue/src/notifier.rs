//! What wakes the workers: the contract of both notifiers.
//!
//! A notification may be lost, doubled or forged: the ledger decides what is done. So a notifier has
//! little to promise, and the worker's reconciler notifies again whatever was lost.

use std::{fmt, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use ostrakon_engine::Class;
use tokio_util::sync::CancellationToken;

use crate::{Envelope, Message, QueueError};

/// Called with each message. It never fails, and may panic.
pub type Handler = Arc<dyn Fn(Message) -> BoxFuture<'static, ()> + Send + Sync>;

/// Settings for receiving the notifications of one class.
#[derive(Debug, Clone)]
pub struct ConsumerSettings {
    /// Maximum number of messages handled simultaneously in this process; at least 1.
    pub concurrency: usize,
    /// Interval between polls of an empty queue in Redis; at least 1 ms, sensibly 100 to 250 ms.
    pub poll_interval: Duration,
    /// Interval between heartbeats in Redis; whole seconds, at least 1. With PostgreSQL: silence after
    /// which the listening session is checked.
    pub heartbeat_interval: Duration,
    /// Missed heartbeats in Redis before a worker's messages go to another; at least 2. With
    /// PostgreSQL: intervals without an answer before the listening session is given up.
    pub missed_heartbeats: usize,
    /// Name of the worker; in Redis each start adds a new suffix.
    pub worker_name: String,
}

/// Notifies workers of runs, and passes notifications to a worker's handler.
pub trait Notifier: fmt::Debug + Send + Sync {
    /// Where the notifications go, for logs; never a secret.
    fn address(&self) -> String;

    /// Returns another notifier that uses the same connections.
    fn share(&self) -> Box<dyn Notifier>;

    /// Number of further notifications that there is room for.
    fn room(&mut self, class: Class) -> BoxFuture<'_, Result<u64, QueueError>>;

    /// Notifies workers of a run, which must be in the ledger. Notifying twice is harmless. After a
    /// failure the run stays queued in the ledger, and a worker's reconciler notifies again.
    ///
    /// Does not limit the number of notifications by itself: check [`Notifier::room`] first.
    fn notify(&mut self, class: Class, envelope: Envelope)
    -> BoxFuture<'_, Result<(), QueueError>>;

    /// Removes what earlier workers have left behind.
    fn clean_up(&mut self, class: Class) -> BoxFuture<'_, Result<(), QueueError>>;

    /// Passes notifications to the handler until `stop`, then waits for the running handlers and
    /// returns.
    ///
    /// Survives every outage, including one at startup: running handlers continue, and receiving is
    /// tried again with growing intervals of up to 5 s. One process never handles the same run twice
    /// simultaneously; two processes may: the ledger decides. The wait for running handlers has no
    /// limit.
    ///
    /// # Errors
    /// Only if the settings are invalid.
    fn consume(
        &self,
        settings: ConsumerSettings,
        class: Class,
        handler: Handler,
        stop: CancellationToken,
    ) -> BoxFuture<'static, Result<(), QueueError>>;
}
