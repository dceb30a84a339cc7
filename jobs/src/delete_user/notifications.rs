//! Notifications that the account caused (docs/semantics.md 2.3.7).
//!
//! The server removes them after the posts, most of which have taken theirs with them. Here they go
//! first: the result is the same, and the plan can count them.

use sqlx::PgConnection;
use uuid::Uuid;

/// Activities walked over for each notification that may be found: most activities caused none.
const WINDOW: i64 = 5;

/// Maximum number of notifications removed for each row of a batch.
const PER_ROW: i64 = 20;

/// Counts the notifications that the account caused.
pub(super) async fn count(db: &mut PgConnection, actor: &str, until: Uuid) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "select count(*) from public.notifications n
         join public.activities a on a.id = n.activity_id
         where a.actor = $1 and (a.id <= $2) is true",
    )
    .bind(actor)
    .bind(until)
    .fetch_one(db)
    .await
}

/// Removes the notifications of the next activities. Returns their number, and the last of those
/// activities, or `after` if there may be more notifications; `None` after the last activity.
pub(super) async fn remove(
    db: &mut PgConnection,
    actor: &str,
    after: Uuid,
    until: Uuid,
    limit: i64,
) -> sqlx::Result<Option<(i64, Uuid)>> {
    let walked: Vec<Uuid> = sqlx::query_scalar(
        "select id from public.activities where actor = $1 and id > $2 and id <= $3
         order by id nulls first limit $4",
    )
    .bind(actor)
    .bind(after)
    .bind(until)
    .bind(limit.saturating_mul(WINDOW))
    .fetch_all(&mut *db)
    .await?;
    let Some(last) = walked.last().copied() else { return Ok(None) };
    // A single activity may have caused more than a transaction can remove.
    let most = limit.saturating_mul(PER_ROW);
    let removed = sqlx::query(
        "delete from public.notifications where ctid = any (array(
             select ctid from public.notifications where activity_id = any ($1) limit $2))",
    )
    .bind(walked)
    .bind(most)
    .execute(db)
    .await?
    .rows_affected();
    let removed = i64::try_from(removed).unwrap_or(i64::MAX);
    Ok(Some((removed, if removed < most { last } else { after })))
}

/// Removes a staff member's notifications of reports, as Akkoma does when an account leaves the
/// staff. Must run before the account loses its roles.
pub(super) async fn remove_reports(db: &mut PgConnection, account: Uuid) -> sqlx::Result<()> {
    sqlx::query(
        "delete from public.notifications n using public.users u
         where n.user_id = $1 and n.type = 'pleroma:report'
           and u.id = $1 and (u.is_admin or u.is_moderator)",
    )
    .bind(account)
    .execute(db)
    .await?;
    Ok(())
}
