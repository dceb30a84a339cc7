//! Setting a run back for another pass, because its recount found something left.

use serde_json::{Value, json};
use sqlx::PgConnection;

use super::{Claim, Lease, event::record};

/// Start of another pass, and the reason.
#[derive(Debug)]
pub(crate) struct SetBack<'a> {
    pub(crate) cursor: &'a Value,
    pub(crate) closing: &'a Value,
    /// Number of items left.
    pub(crate) left: i64,
    /// Description of these items.
    pub(crate) what: &'a str,
}

/// Sets the cursor back. The pass meets parked items again, so none stays parked. The total rises
/// to at least what was done plus what is left.
pub(crate) async fn set_back(
    db: &mut PgConnection,
    claim: &Claim,
    set_back: SetBack<'_>,
    lease: Lease,
) -> sqlx::Result<()> {
    let SetBack { cursor, closing, left, what } = set_back;
    let unparked = sqlx::query("delete from ostrakon.parked_items where run_id = $1")
        .bind(&claim.run_id)
        .execute(&mut *db)
        .await?
        .rows_affected();
    sqlx::query(
        "update ostrakon.runs
         set cursor = $2, closing = $3, parked = 0, failures = 0, parked_retry_of = null,
             total = greatest(total, done + $4),
             lease_expires_at = clock_timestamp() + make_interval(secs => $5)
         where id = $1",
    )
    .bind(&claim.run_id)
    .bind(cursor)
    .bind(closing)
    .bind(left)
    .bind(lease.duration.as_secs_f64())
    .execute(&mut *db)
    .await?;
    let detail = json!({ "left": left, "parked": unparked, "of": what });
    record(db, &claim.run_id, "set_back", &claim.owner, &detail).await
}
