//! What the engine asks of a server's database: here the two sides that know nothing of each other
//! meet.

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
