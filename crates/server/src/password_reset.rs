//! Links to choose a new password (docs/semantics.md 4.7).

use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Server,
    token::{as_path_segment, random_token},
};

/// Creates a password-reset link for a local account, and returns its address. Older links, the
/// password and the sessions stay valid until the link is used. The server accepts it for a day,
/// unless it is configured otherwise. Anyone with the address can take over the account: it is
/// shown to the operator and stored nowhere else.
pub async fn create_password_reset(
    db: &mut PgConnection,
    server: &Server,
    account: Uuid,
) -> sqlx::Result<String> {
    let token = random_token();
    sqlx::query(
        "insert into public.password_reset_tokens (user_id, token, used, inserted_at, updated_at)
         select $1, $2, false, moment, moment
         from date_trunc('second', timezone('UTC', now())) as moment",
    )
    .bind(account)
    .bind(&token)
    .execute(db)
    .await?;
    Ok(format!(
        "{}{}/{}",
        server.base_url,
        server.dialect.password_reset_path,
        as_path_segment(&token)
    ))
}
