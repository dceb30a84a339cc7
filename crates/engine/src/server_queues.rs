//! The job queues of the server whose database it is.

use std::{fmt, time::Duration};

use futures::future::BoxFuture;
use sqlx::PgConnection;

/// What the engine asks about them; implemented where the server is known.
pub trait ServerQueues: fmt::Debug + Send + Sync {
    /// Finds a job of the server that is due and has waited for more than `bound` in a queue that
    /// is being worked on. Returns the one that has waited the longest.
    fn backlog<'a>(
        &'a self,
        db: &'a mut PgConnection,
        bound: Duration,
    ) -> BoxFuture<'a, sqlx::Result<Option<Backlog>>>;
}

/// A server without queues.
#[derive(Debug, Clone, Copy)]
pub struct NoQueues;

impl ServerQueues for NoQueues {
    fn backlog<'a>(
        &'a self,
        _db: &'a mut PgConnection,
        _bound: Duration,
    ) -> BoxFuture<'a, sqlx::Result<Option<Backlog>>> {
        Box::pin(async { Ok(None) })
    }
}

/// A queue of the server that is behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backlog {
    /// Name of the queue.
    pub queue: String,
    /// Time that a due job in it has waited.
    pub waited: Duration,
}
