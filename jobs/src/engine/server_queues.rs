//! The server's own job queues.

use std::time::Duration;

use sqlx::PgConnection;

/// What the engine asks of a job's knowledge about its database.
pub trait ServerQueues: Send + Sync {
    /// Finds a job of the server that is due and has waited for more than `bound` in a queue that
    /// is being worked on. Returns the one that has waited the longest.
    fn backlog(
        &self,
        _db: &mut PgConnection,
        _bound: Duration,
    ) -> impl Future<Output = sqlx::Result<Option<Backlog>>> + Send {
        async { Ok(None) }
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
