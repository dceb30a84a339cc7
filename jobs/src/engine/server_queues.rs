//! Whoever else works in the database.

use std::time::Duration;

use sqlx::PgConnection;

/// What a job knows of the database it works on, as far as the engine asks it of anything.
pub trait ServerQueues: Send + Sync {
    /// Looks for a job of the server's own that is due and has waited for longer than `bound` in a
    /// queue that is being worked on. Gives the one that has waited the longest.
    fn backlog(
        &self,
        _db: &mut PgConnection,
        _bound: Duration,
    ) -> impl Future<Output = sqlx::Result<Option<Backlog>>> + Send {
        async { Ok(None) }
    }
}

/// A queue of the server's own that is behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backlog {
    /// Its name.
    pub queue: String,
    /// How long a job that is due has waited.
    pub waited: Duration,
}
