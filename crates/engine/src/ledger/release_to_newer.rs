//! Leaving a run to a worker of a newer version.

use serde_json::json;
use sqlx::PgConnection;

use super::{claim::Claim, event::record, wait::record_wait};

/// Gives the lease back because this version cannot read the run's position. Uses up no try.
pub(crate) async fn release_to_newer(
    db: &mut PgConnection,
    claim: &Claim,
    reason: &str,
) -> sqlx::Result<()> {
    record_wait(db, &claim.run_id, &claim.owner).await?;
    sqlx::query(
        "update ostrakon.runs set status = 'queued', lease_expires_at = null, notified_at = null,
                -- Other runs of its group come first: this version may know their positions.
                available_at = clock_timestamp()
         where id = $1 and fence = $2",
    )
    .bind(&claim.run_id)
    .bind(claim.fence)
    .execute(&mut *db)
    .await?;
    record(db, &claim.run_id, "left", &claim.owner, &json!({ "reason": reason })).await
}
