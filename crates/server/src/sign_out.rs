//! Ending an account's sessions (docs/semantics.md 4.5).

use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

/// Counts of what was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SignedOut {
    /// Number of apps' authorizations to request a token.
    pub authorizations: u64,
    /// Number of tokens, which are sessions to a user.
    pub tokens: u64,
}

/// Signs an account out of all apps, immediately: the server looks up the token at every request.
///
/// MFA tokens go with the authorizations, push subscriptions with the tokens, by foreign key.
pub async fn sign_out(db: &mut PgConnection, account: Uuid) -> sqlx::Result<SignedOut> {
    let authorizations = sqlx::query("delete from public.oauth_authorizations where user_id = $1")
        .bind(account)
        .execute(&mut *db)
        .await?
        .rows_affected();
    let tokens = sqlx::query("delete from public.oauth_tokens where user_id = $1")
        .bind(account)
        .execute(db)
        .await?
        .rows_affected();
    Ok(SignedOut { authorizations, tokens })
}
