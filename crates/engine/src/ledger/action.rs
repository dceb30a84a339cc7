//! Immediate changes, without a run.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{FromRow, PgConnection};
use ulid::Ulid;

/// A command that makes an immediate change.
#[derive(Debug)]
pub struct NewAction<'a> {
    /// Name of the command, such as `sign_out`.
    pub command: &'static str,
    /// What the operator typed.
    pub subject: &'a str,
    /// Operator who requests the change.
    pub requested_by: &'a str,
    /// Nickname of the member of the server's staff in whose name the change is made, if any.
    pub on_behalf_of: Option<&'a str>,
    /// Reason, if the operator gives one.
    pub reason: Option<&'a str>,
    /// What changed; never a password, key or token.
    pub detail: &'a Value,
}

/// Records an action, in the transaction of its change.
pub async fn record_action(db: &mut PgConnection, new: &NewAction<'_>) -> sqlx::Result<()> {
    sqlx::query(
        "insert into ostrakon.actions
           (id, command, subject, requested_by, on_behalf_of, reason, detail)
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(Ulid::generate().to_string())
    .bind(new.command)
    .bind(new.subject)
    .bind(new.requested_by)
    .bind(new.on_behalf_of)
    .bind(new.reason)
    .bind(new.detail)
    .execute(db)
    .await?;
    Ok(())
}

/// A command that made an immediate change.
#[derive(Debug, Clone, FromRow)]
pub struct Action {
    /// ULID of the action.
    pub id: String,
    /// Name of the command.
    pub command: String,
    /// What the operator typed.
    pub subject: String,
    /// Operator who requested the change.
    pub requested_by: String,
    /// Role that was logged in to the database, which nobody can choose; `None` in rows of older
    /// versions.
    pub database_user: Option<String>,
    /// Nickname of the member of the server's staff in whose name the change was made, if any.
    pub on_behalf_of: Option<String>,
    /// Reason, if the operator gave one.
    pub reason: Option<String>,
    /// What changed.
    pub detail: Value,
    /// Time of the change, by the database's clock.
    pub at: DateTime<Utc>,
}

/// Reads the latest actions, newest first; all of them, or those about one subject.
pub async fn actions(
    db: &mut PgConnection,
    subject: Option<&str>,
    limit: i64,
) -> sqlx::Result<Vec<Action>> {
    sqlx::query_as(
        "select * from ostrakon.actions where $1::text is null or lower(subject) = lower($1)
         order by at desc, id desc limit $2",
    )
    .bind(subject)
    .bind(limit)
    .fetch_all(db)
    .await
}
