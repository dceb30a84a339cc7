//! The engine's questions to a server's database, answered by `pleroma`: neither module depends on
//! the other.

use std::time::Duration;

use sqlx::PgConnection;

use crate::{
    engine::{Backlog, ServerQueues},
    pleroma::{Server, oldest_due_job},
};

impl ServerQueues for Server {
    async fn backlog(
        &self,
        db: &mut PgConnection,
        bound: Duration,
    ) -> sqlx::Result<Option<Backlog>> {
        let oldest = oldest_due_job(db, bound).await?;
        Ok(oldest.map(|(queue, waited)| Backlog { queue, waited }))
    }
}
