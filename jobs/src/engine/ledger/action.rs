//! What was done at once, without a run.

use serde_json::Value;
use sqlx::PgConnection;
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
        "insert into kenoma.actions
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
