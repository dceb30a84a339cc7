//! What open reports refer to: it stays, so that a moderator can still judge it.

use std::time::{Duration, Instant};

use ostrakon_server::{Server, dialect_sql};
use sqlx::PgConnection;

/// Time after which the reports are read again.
const FRESH: Duration = Duration::from_mins(1);

/// Ids that open reports name; read once a minute.
#[derive(Debug, Default)]
pub(crate) struct OpenReports(Option<(Instant, Vec<String>)>);

impl OpenReports {
    /// Ids of what open reports refer to: activities, objects and accounts.
    pub(crate) async fn named(
        &mut self,
        db: &mut PgConnection,
        server: &Server,
    ) -> sqlx::Result<&[String]> {
        let fresh = self.0.take().filter(|(read, _)| read.elapsed() < FRESH);
        let known = match fresh {
            Some(known) => known,
            None => (Instant::now(), read(db, server).await?),
        };
        Ok(&self.0.insert(known).1)
    }
}

/// Reads what open reports refer to.
async fn read(db: &mut PgConnection, server: &Server) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar(dialect_sql!(server, include_str!("open_reports.sql"))).fetch_all(db).await
}
