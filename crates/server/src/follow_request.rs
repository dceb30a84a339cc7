//! Follow requests without an answer (docs/semantics.md 4.9).

use sqlx::PgConnection;
use uuid::Uuid;

/// State of a follow request, `following_relationships.state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FollowState {
    /// The request has no answer yet.
    Pending,
    /// The request was accepted.
    Accepted,
    /// The request was rejected.
    Rejected,
    /// There is no request.
    None,
}

/// Returns the state of one account's request to follow another, and locks its row until the
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

/// Deletes an unanswered request, so that it can be made again. Its Follow activity stays: the
/// server still understands a late Accept.
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
