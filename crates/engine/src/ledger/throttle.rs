//! Speed of a run, and what throttles it.

use std::time::Duration;

use serde_json::json;
use sqlx::{Connection as _, FromRow, PgConnection};

use super::{Claim, ControlError, control::status_of, event::record, run::Control};
use crate::{Status, Throttled};

/// Time from which a throttle is part of the run's history.
const WORTH_TELLING: Duration = Duration::from_secs(10);

/// What the operator requests of a run.
#[derive(Debug, Clone, Copy, FromRow)]
pub(crate) struct RequestedControl {
    pub(crate) control: Control,
    pub(crate) speed: f64,
}

/// Reads what the operator requests, without a lock. `None` when the claim is lost.
pub(crate) async fn requested(
    db: &mut PgConnection,
    claim: &Claim,
) -> sqlx::Result<Option<RequestedControl>> {
    sqlx::query_as(
        "select control, speed from ostrakon.runs
         where id = $1 and fence = $2 and status = 'running'",
    )
    .bind(&claim.run_id)
    .bind(claim.fence)
    .fetch_optional(db)
    .await
}

/// Records that a run is throttled.
pub(crate) async fn throttle_on(
    db: &mut PgConnection,
    claim: &Claim,
    throttled: &Throttled,
) -> sqlx::Result<()> {
    sqlx::query(
        "update ostrakon.runs set throttle = $3, throttle_reason = $4,
                throttled_at = coalesce(throttled_at, clock_timestamp())
         where id = $1 and fence = $2 and status = 'running'",
    )
    .bind(&claim.run_id)
    .bind(claim.fence)
    .bind(throttled.check.name())
    .bind(&throttled.reason)
    .execute(db)
    .await?;
    Ok(())
}

/// Records that a run is no longer throttled, with an event if it was for at least 10 s.
pub(crate) async fn throttle_off(db: &mut PgConnection, claim: &Claim) -> sqlx::Result<()> {
    let mut tx = db.begin().await?;
    let was: Option<(Option<String>, Option<String>, i64)> = sqlx::query_as(
        "with was as (
             select id, throttle, throttle_reason,
                    (extract(epoch from clock_timestamp() - throttled_at) * 1000)::bigint as ms
             from ostrakon.runs
             where id = $1 and fence = $2 and status = 'running' and throttled_at is not null
             for update
         )
         update ostrakon.runs run
         set throttle = null, throttle_reason = null, throttled_at = null, throttled_ms = throttled_ms + was.ms
         from was where run.id = was.id
         returning was.throttle, was.throttle_reason, was.ms",
    )
    .bind(&claim.run_id)
    .bind(claim.fence)
    .fetch_optional(&mut *tx)
    .await?;
    if let Some((check, reason, ms)) = was {
        let held = Duration::from_millis(u64::try_from(ms).unwrap_or(0));
        if held >= WORTH_TELLING {
            let detail = json!({ "check": check, "reason": reason, "seconds": held.as_secs() });
            record(&mut tx, &claim.run_id, "throttled", &claim.owner, &detail).await?;
        }
    }
    tx.commit().await
}

/// Sets the speed of an unfinished run from its next batch on. Returns its status.
///
/// `speed` is 1 for what the settings allow, and from 0.01 to 100.
pub async fn set_speed(
    db: &mut PgConnection,
    id: &str,
    speed: f64,
    by: &str,
) -> Result<Status, ControlError> {
    let mut tx = db.begin().await?;
    let status = status_of(&mut tx, id).await?;
    if status.is_finished() {
        return Err(ControlError::Status {
            id: id.to_owned(),
            status,
            verb: "made faster or slower",
        });
    }
    sqlx::query("update ostrakon.runs set speed = $2 where id = $1")
        .bind(id)
        .bind(speed)
        .execute(&mut *tx)
        .await?;
    record(&mut tx, id, "speed", by, &json!({ "factor": speed })).await?;
    tx.commit().await?;
    Ok(status)
}
