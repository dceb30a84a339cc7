//! The server's queues, as the engine asks about them: neither the engine nor the server's crate
//! depends on the other.

use std::time::Duration;

use futures::future::BoxFuture;
use ostrakon_engine::{Backlog, ServerQueues};
use ostrakon_server::oldest_due_job;
use sqlx::PgConnection;

/// Table `oban_jobs` of every server.
#[derive(Debug, Clone, Copy)]
pub struct ObanQueues;

impl ServerQueues for ObanQueues {
    fn backlog<'a>(
        &'a self,
        db: &'a mut PgConnection,
        bound: Duration,
    ) -> BoxFuture<'a, sqlx::Result<Option<Backlog>>> {
        Box::pin(async move {
            let oldest = oldest_due_job(db, bound).await?;
            Ok(oldest.map(|(queue, waited)| Backlog { queue, waited }))
        })
    }
}
