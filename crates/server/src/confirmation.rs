//! Whether an account's e-mail address counts as confirmed (docs/semantics.md 4.4).

use crate::dialect_sql;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{AccountColumns, Server, random_token};

/// Whether an account's address is confirmed; `None` if its row is gone. Locks the row until the
/// transaction ends.
pub async fn is_confirmed(
    db: &mut PgConnection,
    server: &Server,
    account: Uuid,
) -> sqlx::Result<Option<bool>> {
    let sql = dialect_sql!(
        server,
        "select is_confirmed from public.users where id = $1 for no key update"
    );
    sqlx::query_scalar(sql).bind(account).fetch_optional(db).await
}

/// Confirms an account's address, or revokes the confirmation. Returns whether the row was written.
///
/// A confirmed account has no token. An unconfirmed one gets a fresh token each time: revoking
/// always writes, and invalidates a link that was sent before.
pub async fn set_confirmation(
    db: &mut PgConnection,
    server: &Server,
    account: Uuid,
    confirmed: bool,
) -> sqlx::Result<bool> {
    let token = (!confirmed).then(random_token);
    let sql = match server.dialect.account_columns {
        AccountColumns::Deactivated => {
            "update public.users
             set confirmation_pending = not $2, confirmation_token = $3,
                 updated_at = date_trunc('second', timezone('UTC', now()))
             where id = $1
               and (confirmation_pending = $2 or confirmation_token is distinct from $3)"
        }
        AccountColumns::Active => {
            "update public.users
             set is_confirmed = $2, confirmation_token = $3,
                 updated_at = date_trunc('second', timezone('UTC', now()))
             where id = $1 and (is_confirmed <> $2 or confirmation_token is distinct from $3)"
        }
    };
    let written = sqlx::query(sql).bind(account).bind(confirmed).bind(token).execute(db).await?;
    Ok(written.rows_affected() > 0)
}
