//! Parked items: recording them, and retrying them.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sqlx::{FromRow, PgConnection};

use super::{Claim, Lease, event::record};
use crate::Parking;

/// Parks an item with its reason. An item that is parked already counts once.
pub(crate) async fn park(
    db: &mut PgConnection,
    claim: &Claim,
    parking: &Parking<Value>,
    sqlstate: Option<&str>,
) -> sqlx::Result<()> {
    let Parking { item, reason, cursor } = parking;
    let parked = sqlx::query(
        "insert into ostrakon.parked_items (run_id, item, reason, sqlstate, cursor)
         values ($1, $2, $3, $4, $5) on conflict (run_id, item) do nothing",
    )
    .bind(&claim.run_id)
    .bind(item)
    .bind(reason)
    .bind(sqlstate)
    .bind(cursor)
    .execute(&mut *db)
    .await?;
    if parked.rows_affected() == 0 {
        return keep_parked(db, claim, item, reason, sqlstate).await;
    }
    sqlx::query("update ostrakon.runs set parked = parked + 1 where id = $1")
        .bind(&claim.run_id)
        .execute(&mut *db)
        .await?;
    record(db, &claim.run_id, "parked", &claim.owner, &json!({ "item": item, "reason": reason }))
        .await
}

/// Moves past an item that failed, and renews the lease. Returns the number of items that have
/// failed since the run was requested or retried. With `stuck` the failed tries are kept, so that
/// the next stuck item does not use up as many tries as the first.
pub(crate) async fn step_over(
    db: &mut PgConnection,
    claim: &Claim,
    cursor: &Value,
    stuck: bool,
    lease: Lease,
) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "update ostrakon.runs
         set cursor = $2, failures = failures + 1, crashes = 0,
             attempt = case when $4 then attempt else 0 end,
             total = greatest(total, done + parked),
             lease_expires_at = clock_timestamp() + make_interval(secs => $3)
         where id = $1 returning failures",
    )
    .bind(&claim.run_id)
    .bind(cursor)
    .bind(lease.duration.as_secs_f64())
    .bind(stuck)
    .fetch_one(db)
    .await
}

/// A parked item that an operator wants retried.
#[derive(Debug, FromRow)]
pub(crate) struct ToRetry {
    pub(crate) item: String,
    /// Cursor from which a batch of one takes exactly this item.
    pub(crate) cursor: Value,
}

/// Marks the parked items of a run for retry. Returns their number; items that an older version
/// parked cannot be retried.
pub(super) async fn mark_for_retry(db: &mut PgConnection, run_id: &str) -> sqlx::Result<u64> {
    let marked = sqlx::query(
        "update ostrakon.parked_items set retry = true where run_id = $1 and cursor is not null",
    )
    .bind(run_id)
    .execute(db)
    .await?;
    Ok(marked.rows_affected())
}

/// Marks stuck items, which needed too much time or memory, for retry. Returns whether there are
/// any.
pub(crate) async fn mark_stuck(db: &mut PgConnection, claim: &Claim) -> sqlx::Result<bool> {
    let marked = sqlx::query(
        "update ostrakon.parked_items set retry = true
         where run_id = $1 and sqlstate in ('53200', '55P03', '57014') and cursor is not null",
    )
    .bind(&claim.run_id)
    .execute(db)
    .await?;
    Ok(marked.rows_affected() > 0)
}

/// Unmarks all items for retry: they stay parked.
pub(crate) async fn retry_no_more(db: &mut PgConnection, claim: &Claim) -> sqlx::Result<()> {
    sqlx::query("update ostrakon.parked_items set retry = false where run_id = $1 and retry")
        .bind(&claim.run_id)
        .execute(db)
        .await?;
    Ok(())
}

/// Reads the next item to retry, if one is left.
pub(crate) async fn next_to_retry(
    db: &mut PgConnection,
    claim: &Claim,
) -> sqlx::Result<Option<ToRetry>> {
    sqlx::query_as(
        "select item, cursor from ostrakon.parked_items where run_id = $1 and retry
         order by at, item limit 1",
    )
    .bind(&claim.run_id)
    .fetch_optional(db)
    .await
}

/// Removes a parked item that is dealt with, and counts it as done.
pub(crate) async fn unpark(db: &mut PgConnection, claim: &Claim, item: &str) -> sqlx::Result<()> {
    sqlx::query("delete from ostrakon.parked_items where run_id = $1 and item = $2")
        .bind(&claim.run_id)
        .bind(item)
        .execute(&mut *db)
        .await?;
    sqlx::query("update ostrakon.runs set done = done + 1, parked = parked - 1 where id = $1")
        .bind(&claim.run_id)
        .execute(&mut *db)
        .await?;
    record(db, &claim.run_id, "unparked", &claim.owner, &json!({ "item": item })).await
}

/// Keeps an item parked, with its latest reason.
pub(crate) async fn keep_parked(
    db: &mut PgConnection,
    claim: &Claim,
    item: &str,
    reason: &str,
    sqlstate: Option<&str>,
) -> sqlx::Result<()> {
    sqlx::query(
        "update ostrakon.parked_items
         set retry = false, reason = $3, sqlstate = $4, at = clock_timestamp()
         where run_id = $1 and item = $2",
    )
    .bind(&claim.run_id)
    .bind(item)
    .bind(reason)
    .bind(sqlstate)
    .execute(db)
    .await?;
    Ok(())
}

/// Records that the run has made progress, and renews the lease.
pub(crate) async fn made_progress(
    db: &mut PgConnection,
    claim: &Claim,
    lease: Lease,
    deliveries_until: Option<DateTime<Utc>>,
) -> sqlx::Result<()> {
    sqlx::query(
        "update ostrakon.runs set attempt = 0, crashes = 0,
                lease_expires_at = clock_timestamp() + make_interval(secs => $2),
                deliveries_until = greatest(deliveries_until, $3)
         where id = $1",
    )
    .bind(&claim.run_id)
    .bind(lease.duration.as_secs_f64())
    .bind(deliveries_until)
    .execute(db)
    .await?;
    Ok(())
}
