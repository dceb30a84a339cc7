//! Requests to follow that nobody answers (docs/semantics.md 4.9).

use sqlx::PgConnection;
use uuid::Uuid;

/// Where a request to follow stands, `following_relationships.state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FollowState {
    /// Nobody answered yet.
    Pending,
    /// It was accepted.
    Accepted,
    /// It was rejected.
    Rejected,
    /// There is none.
    None,
}

/// Says where the request of one account to follow another stands, and locks its row until the
/// transaction ends.
pub async fn follow_state(
    db: &mut PgConnection,
    follower: Uuid,
    following: Uuid,
) -> sqlx::Result<FollowState> {
    let state: Option<i32> = sqlx::query_scalar(
        "select state from public.following_relationships
         where follower_id = $1 and following_id = $2 for update",
    )
    .bind(follower)
    .bind(following)
    .fetch_optional(db)
    .await?;
    Ok(match state {
        Some(1) => FollowState::Pending,
        Some(2) => FollowState::Accepted,
        Some(_) => FollowState::Rejected,
        None => FollowState::None,
    })
}

/// Forgets a request that nobody answered, so that it can be made again. Its Follow activity
/// stays: an Accept that comes late is still understood.
pub async fn forget_request(
    db: &mut PgConnection,
    follower: Uuid,
    following: Uuid,
) -> sqlx::Result<()> {
    sqlx::query(
        "delete from public.following_relationships
         where follower_id = $1 and following_id = $2 and state = 1",
    )
    .bind(follower)
    .bind(following)
    .execute(db)
    .await?;
    Ok(())
}
