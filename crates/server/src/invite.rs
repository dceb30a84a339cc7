//! Invites: tokens for registration (docs/semantics.md 4.8).

use chrono::NaiveDate;
use futures::stream::BoxStream;
use serde::Serialize;
use sqlx::{FromRow, PgConnection};

use super::{
    Server,
    token::{as_path_segment, random_token},
};

/// Invite to register an account.
#[derive(Debug, Clone, PartialEq, Eq, FromRow, Serialize)]
pub struct Invite {
    /// Row id of the invite.
    pub id: i64,
    /// Secret of the invite.
    pub token: String,
    /// Type of its limit: `one_time`, `reusable`, `date_limited` or `reusable_date_limited`.
    pub invite_type: String,
    /// Whether it is used up or revoked.
    pub used: bool,
    /// Number of registrations with it so far.
    pub uses: i32,
    /// Maximum number of registrations.
    pub max_use: Option<i32>,
    /// Last day on which it is valid.
    pub expires_at: Option<NaiveDate>,
}

impl Invite {
    /// Number of remaining registrations, if it is limited.
    pub fn left_uses(&self) -> Option<i32> {
        self.max_use.map(|most| most.saturating_sub(self.uses))
    }

    /// Address of the registration page with this invite.
    pub fn url(&self, server: &Server) -> String {
        format!("{}/registration/{}", server.base_url, as_path_segment(&self.token))
    }
}

/// Type of an invite's limit, as the server names it.
fn invite_type(expires_at: Option<NaiveDate>, max_use: Option<i32>) -> &'static str {
    match (max_use, expires_at) {
        (None, None) => "one_time",
        (Some(_), None) => "reusable",
        (None, Some(_)) => "date_limited",
        (Some(_), Some(_)) => "reusable_date_limited",
    }
}

/// Creates an invite, whether or not the server requires one.
pub async fn create_invite(
    db: &mut PgConnection,
    expires_at: Option<NaiveDate>,
    max_use: Option<i32>,
) -> sqlx::Result<Invite> {
    sqlx::query_as(
        "insert into public.user_invite_tokens
           (token, used, uses, max_use, expires_at, invite_type, inserted_at, updated_at)
         select $1, false, 0, $2, $3, $4, moment, moment
         from date_trunc('second', timezone('UTC', now())) as moment
         returning id, token, invite_type, used, uses, max_use, expires_at",
    )
    .bind(random_token())
    .bind(max_use)
    .bind(expires_at)
    .bind(invite_type(expires_at, max_use))
    .fetch_one(db)
    .await
}

/// Reads all invites, the oldest first, as a stream.
pub fn list_invites(db: &mut PgConnection) -> BoxStream<'_, sqlx::Result<Invite>> {
    sqlx::query_as(
        "select id, coalesce(token, '') as token, invite_type, used, uses, max_use, expires_at
         from public.user_invite_tokens order by id",
    )
    .fetch(db)
}

/// Revokes a token. Tokens are not unique: all invites with this token are revoked. Returns their
/// ids, none if no invite has it.
pub async fn revoke_invites(db: &mut PgConnection, token: &str) -> sqlx::Result<Vec<i64>> {
    let ids: Vec<i64> = sqlx::query_scalar(
        "select id from public.user_invite_tokens where token = $1 order by id for no key update",
    )
    .bind(token)
    .fetch_all(&mut *db)
    .await?;
    sqlx::query(
        "update public.user_invite_tokens
         set used = true, updated_at = date_trunc('second', timezone('UTC', now()))
         where id = any ($1) and not used",
    )
    .bind(&ids)
    .execute(db)
    .await?;
    Ok(ids)
}
