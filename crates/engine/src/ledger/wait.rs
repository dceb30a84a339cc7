//! Waiting for something else: two events in a run's history, however often it checks whether it
//! may continue.

use serde_json::json;
use sqlx::PgConnection;

use super::{Claim, event::record};
use crate::Wait;

/// Gives the lease back until what the job waits for may be done. Uses up no try.
pub(crate) async fn postpone(
    db: &mut PgConnection,
    claim: &Claim,
    wait: &Wait,
) -> sqlx::Result<()> {
    let delay = wait.delay.as_secs_f64();
    let reported: Option<String> =
        sqlx::query_scalar("select waits_for from ostrakon.runs where id = $1")
            .bind(&claim.run_id)
            .fetch_one(&mut *db)
            .await?;
    let is_new = reported.is_none_or(|reported| !is_same(&reported, &wait.reason));
    if is_new {
        record_wait(db, &claim.run_id, &claim.owner).await?;
    }
    sqlx::query(
        "update ostrakon.runs
         set status = 'queued', lease_expires_at = null, notified_at = null,
             waits_for = $4, waits_since = clock_timestamp(),
             available_at = clock_timestamp() + make_interval(secs => $3)
         where id = $1 and fence = $2",
    )
    .bind(&claim.run_id)
    .bind(claim.fence)
    .bind(delay)
    .bind(&wait.reason)
    .execute(&mut *db)
    .await?;
    if !is_new {
        return Ok(());
    }
    let detail = json!({ "delay_s": delay, "for": wait.reason });
    record(db, &claim.run_id, "waiting", &claim.owner, &detail).await
}

/// Records how long a run waited and how often it checked, if it checked at all; before any other
/// event of the run.
pub(super) async fn record_wait(
    db: &mut PgConnection,
    run_id: &str,
    actor: &str,
) -> sqlx::Result<()> {
    let was: Option<(String, i64, i64)> = sqlx::query_as(
        "with was as (
             select id, waits_for, waited_ms / 1000 as seconds, checks
             from ostrakon.runs where id = $1 and waits_for is not null
         )
         update ostrakon.runs run
         set waits_for = null, waits_since = null, waited_ms = 0, checks = 0
         from was where run.id = was.id
         returning was.waits_for, was.seconds, was.checks",
    )
    .bind(run_id)
    .fetch_optional(&mut *db)
    .await?;
    let Some((reason, seconds, checks)) = was.filter(|(.., checks)| *checks > 0) else {
        return Ok(());
    };
    let detail = json!({ "for": reason, "seconds": seconds, "checks": checks });
    record(db, run_id, "waited", actor, &detail).await
}

/// Whether two reasons differ in their figures at most.
fn is_same(one: &str, other: &str) -> bool {
    let words = |reason: &str| -> String {
        reason.chars().filter(|c| !c.is_ascii_digit() && *c != ',').collect()
    };
    words(one) == words(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_of_a_reason_may_change() {
        assert!(is_same("deliveries: 20,123 wait", "deliveries: 9 wait"));
        assert!(!is_same("deliveries: 9 wait", "the server to forget the account"));
    }
}
