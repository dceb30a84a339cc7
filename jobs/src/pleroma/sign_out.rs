//! Ending an account's sessions (docs/semantics.md 4.5).

use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

/// What ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SignedOut {
    /// Apps' permissions to ask for a token.
    pub authorizations: u64,
    /// Tokens: sessions, in the words of a person.
    pub tokens: u64,
}

/// Signs an account out of all apps, at once: the server looks a token up at every request.
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
