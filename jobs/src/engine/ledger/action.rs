//! What was done at once, without a run.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{FromRow, PgConnection};
use ulid::Ulid;

/// A command that changes something at once.
#[derive(Debug)]
pub struct NewAction<'a> {
    /// The command's name, such as `sign_out`.
    pub command: &'static str,
    /// What the person typed.
    pub subject: &'a str,
    /// Who asks.
    pub requested_by: &'a str,
    /// In whose name, if in somebody else's: a nickname of the server's staff.
    pub on_behalf_of: Option<&'a str>,
    /// Why, if they say so.
    pub reason: Option<&'a str>,
    /// What changed; never a password, key or token.
    pub detail: &'a Value,
}

/// Writes it down, in the transaction of the change.
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

/// A command that changed something at once.
#[derive(Debug, Clone, FromRow)]
pub struct Action {
    /// ULID.
    pub id: String,
    /// The command's name.
    pub command: String,
    /// What the person typed.
    pub subject: String,
    /// Who asked.
    pub requested_by: String,
    /// As which role of the database, which nobody can choose; unknown for rows of older versions.
    pub database_user: Option<String>,
    /// In whose name, if in somebody else's.
    pub on_behalf_of: Option<String>,
    /// Why, if they said so.
    pub reason: Option<String>,
    /// What changed.
    pub detail: Value,
    /// By the database's clock.
    pub at: DateTime<Utc>,
}

/// Reads the latest actions, all or those about one subject, the newest first.
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
