//! The history of a run.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{FromRow, PgConnection};

/// One event in a run's history.
#[derive(Debug, Clone, FromRow)]
pub struct Event {
    /// Time of the event, by the database's clock.
    pub at: DateTime<Utc>,
    /// What happened: `queued`, `started`, `resumed`, `taken_over`, `interrupted`, `left`,
    /// `retrying`, `waiting`, `waited`, `parked`, `paused`, `cancelled`, `failed`, `succeeded`,
    /// `maintenance`, …
    pub event: String,
    /// The operator or the worker.
    pub actor: String,
    /// Role that was logged in to the database, which nobody can choose; `None` in rows of older
    /// versions.
    pub database_user: Option<String>,
    /// Figures and texts that belong to this kind of event.
    pub detail: Value,
}

/// Adds an event to the history of a run.
pub(crate) async fn record(
    db: &mut PgConnection,
    run_id: &str,
    event: &'static str,
    actor: &str,
    detail: &Value,
) -> sqlx::Result<()> {
    record_all(db, &[run_id.to_owned()], event, actor, detail).await
}

/// Adds the same event to the history of several runs.
pub(crate) async fn record_all(
    db: &mut PgConnection,
    run_ids: &[String],
    event: &'static str,
    actor: &str,
    detail: &Value,
) -> sqlx::Result<()> {
    sqlx::query(
        "insert into ostrakon.run_events (run_id, event, actor, detail)
         select id, $2, $3, $4 from unnest($1::text[]) as id",
    )
    .bind(run_ids)
    .bind(event)
    .bind(actor)
    .bind(detail)
    .execute(db)
    .await?;
    Ok(())
}

/// Reads the history of a run from its beginning, without its parked items, of which there may be
/// many.
pub async fn events(db: &mut PgConnection, run_id: &str) -> sqlx::Result<Vec<Event>> {
    sqlx::query_as(
        "select at, event, actor, database_user, detail from ostrakon.run_events
         where run_id = $1 and event not in ('parked', 'unparked') order by id",
    )
    .bind(run_id)
    .fetch_all(db)
    .await
}
