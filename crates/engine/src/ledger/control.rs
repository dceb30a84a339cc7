//! An operator's statements: pause, resume, cancel, retry.

use serde_json::json;
use sqlx::{Connection, PgConnection};

use super::{
    claim::{Claim, lock, stop},
    event::record,
    parked::mark_for_retry,
    run::Control,
    wait::record_wait,
};
use crate::{
    Status,
    transaction::{IDLE_MAX, milliseconds},
};

/// Reason why an operator's request was refused.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// No run has the id.
    #[error("No run {0}")]
    Unknown(String),
    /// The run's status does not allow it.
    #[error("run {id} {}", objection(*status, verb))]
    Status {
        /// ULID of the run.
        id: String,
        /// Status of the run.
        status: Status,
        /// The request, as a participle.
        verb: &'static str,
    },
    /// An unfinished run does the same work already.
    #[error("run {other} is unfinished and does the same work: nothing to try again")]
    Superseded {
        /// ULID of the other run.
        other: String,
    },
    /// No item is parked, or none that can be retried.
    #[error("run {0} has no parked items that could be tried again")]
    NothingParked(String),
    /// PostgreSQL reported an error.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Explains why a run with this status cannot be what was requested.
fn objection(status: Status, verb: &str) -> String {
    let is = match status {
        Status::Queued | Status::Running | Status::Paused | Status::Incomplete => "is",
        Status::Succeeded | Status::Failed => "has",
        Status::Cancelled => "was",
    };
    if status.name() == verb {
        format!("{is} already {status}")
    } else {
        format!("{is} {status}: it cannot be {verb}")
    }
}

/// Pauses a run: immediately if no worker holds it, otherwise at the end of the batch. Returns its
/// status now.
pub async fn pause(db: &mut PgConnection, id: &str, by: &str) -> Result<Status, ControlError> {
    let mut tx = db.begin().await?;
    let status = match status_of(&mut tx, id).await? {
        Status::Queued => {
            record_wait(&mut tx, id, by).await?;
            set_status(&mut tx, &[id.to_owned()], Status::Paused).await?;
            record(&mut tx, id, "paused", by, &json!({})).await?;
            Status::Paused
        }
        Status::Running => {
            set_control(&mut tx, id, Control::Pause).await?;
            record(&mut tx, id, "pause_requested", by, &json!({})).await?;
            Status::Running
        }
        status => return Err(refused(id, status, "paused")),
    };
    tx.commit().await?;
    Ok(status)
}

/// Pauses a run for the holder of its claim, who has dropped its batch and no longer works on it.
/// Returns whether the claim still held.
pub async fn pause_dropped(
    db: &mut PgConnection,
    claim: &Claim,
    by: &str,
) -> Result<bool, ControlError> {
    let mut tx = db.begin().await?;
    status_of(&mut tx, &claim.run_id).await?;
    if lock(&mut tx, claim).await?.is_none() {
        return Ok(false);
    }
    stop(&mut tx, &Claim { owner: by.to_owned(), ..claim.clone() }, Status::Paused).await?;
    tx.commit().await?;
    Ok(true)
}

/// Resumes a paused run, or withdraws a request that was not obeyed yet.
pub async fn resume(db: &mut PgConnection, id: &str, by: &str) -> Result<Status, ControlError> {
    let mut tx = db.begin().await?;
    let status = match status_of(&mut tx, id).await? {
        Status::Paused => {
            requeue(&mut tx, &[id.to_owned()]).await?;
            Status::Queued
        }
        Status::Running => {
            set_control(&mut tx, id, Control::Run).await?;
            Status::Running
        }
        status => return Err(refused(id, status, "resumed")),
    };
    record(&mut tx, id, "resume_requested", by, &json!({})).await?;
    tx.commit().await?;
    Ok(status)
}

/// Cancels a run: immediately if no worker holds it, otherwise at the end of the batch. Returns its
/// status now.
pub async fn cancel(db: &mut PgConnection, id: &str, by: &str) -> Result<Status, ControlError> {
    let mut tx = db.begin().await?;
    let status = match status_of(&mut tx, id).await? {
        Status::Queued | Status::Paused => {
            record_wait(&mut tx, id, by).await?;
            set_status(&mut tx, &[id.to_owned()], Status::Cancelled).await?;
            record(&mut tx, id, "cancelled", by, &json!({})).await?;
            Status::Cancelled
        }
        Status::Running => {
            set_control(&mut tx, id, Control::Cancel).await?;
            record(&mut tx, id, "cancel_requested", by, &json!({})).await?;
            Status::Running
        }
        status => return Err(refused(id, status, "cancelled")),
    };
    tx.commit().await?;
    Ok(status)
}

/// Retries everything that a run has left: its parked items, then what comes after its cursor.
pub async fn retry(db: &mut PgConnection, id: &str, by: &str) -> Result<Status, ControlError> {
    let mut tx = db.begin().await?;
    let status = status_of(&mut tx, id).await?;
    let items = retryable(&mut tx, id, status).await?;
    requeue(&mut tx, &[id.to_owned()]).await?;
    record(&mut tx, id, "retry_requested", by, &json!({ "items": items })).await?;
    tx.commit().await?;
    Ok(Status::Queued)
}

/// Retries only the parked items of a run. If more than those is left, as of a cancelled run, the
/// run then ends with its previous status. Returns the number of items.
pub async fn retry_parked(db: &mut PgConnection, id: &str, by: &str) -> Result<u64, ControlError> {
    let mut tx = db.begin().await?;
    let status = status_of(&mut tx, id).await?;
    let items = retryable(&mut tx, id, status).await?;
    if items == 0 {
        return Err(ControlError::NothingParked(id.to_owned()));
    }
    requeue(&mut tx, &[id.to_owned()]).await?;
    sqlx::query(
        "update ostrakon.runs
         set parked_retry_of = case when $2 = 'cancelled' or done + parked < total then $2 end
         where id = $1 and $2 <> 'incomplete'",
    )
    .bind(id)
    .bind(status.name())
    .execute(&mut *tx)
    .await?;
    record(&mut tx, id, "parked_retry_requested", by, &json!({ "items": items })).await?;
    tx.commit().await?;
    Ok(items)
}

/// Ensures that a run may be retried, and marks its parked items for that. Returns their number.
async fn retryable(db: &mut PgConnection, id: &str, status: Status) -> Result<u64, ControlError> {
    if !(status.is_finished() && status.may_become(Status::Queued)) {
        return Err(refused(id, status, "tried again"));
    }
    let items = mark_for_retry(db, id).await?;
    if items == 0 && status == Status::Incomplete {
        return Err(ControlError::NothingParked(id.to_owned()));
    }
    not_superseded(db, id).await?;
    Ok(items)
}

/// Ensures that no unfinished run does the same work.
async fn not_superseded(db: &mut PgConnection, id: &str) -> Result<(), ControlError> {
    let other: Option<String> = sqlx::query_scalar(
        "select other.id from ostrakon.runs run
         join ostrakon.runs other on other.dedupe_key = run.dedupe_key
         where run.id = $1 and other.status in ('queued', 'running', 'paused')",
    )
    .bind(id)
    .fetch_optional(db)
    .await?;
    other.map_or(Ok(()), |other| Err(ControlError::Superseded { other }))
}

/// Makes a queued run due now, whatever the delay before its next try.
pub async fn make_due_now(db: &mut PgConnection, id: &str) -> sqlx::Result<()> {
    sqlx::query(
        "update ostrakon.runs set available_at = clock_timestamp()
         where id = $1 and status = 'queued' and available_at > clock_timestamp()",
    )
    .bind(id)
    .execute(db)
    .await?;
    Ok(())
}

fn refused(id: &str, status: Status, verb: &'static str) -> ControlError {
    ControlError::Status { id: id.to_owned(), status, verb }
}

/// Reads and locks a run. The next batch waits for the advisory lock until this transaction ends.
pub(super) async fn status_of(db: &mut PgConnection, id: &str) -> Result<Status, ControlError> {
    sqlx::query(
        "select set_config('idle_in_transaction_session_timeout', $2, true),
                pg_advisory_xact_lock(hashtextextended($1, 0))::text",
    )
    .bind(id)
    .bind(milliseconds(IDLE_MAX))
    .execute(&mut *db)
    .await?;
    sqlx::query_scalar("select status from ostrakon.runs where id = $1 for update")
        .bind(id)
        .fetch_optional(db)
        .await?
        .ok_or_else(|| ControlError::Unknown(id.to_owned()))
}

/// Pauses or cancels runs that no worker holds, and that are locked.
pub(super) async fn set_status(
    db: &mut PgConnection,
    ids: &[String],
    status: Status,
) -> sqlx::Result<()> {
    sqlx::query(
        "update ostrakon.runs
         set status = $2,
             parked_retry_of = case when $2 <> 'cancelled' then parked_retry_of end,
             finished_at = case when $2 = 'cancelled' then clock_timestamp() end
         where id = any ($1)",
    )
    .bind(ids)
    .bind(status.name())
    .execute(db)
    .await?;
    Ok(())
}

async fn set_control(db: &mut PgConnection, id: &str, control: Control) -> sqlx::Result<()> {
    sqlx::query("update ostrakon.runs set control = $2 where id = $1")
        .bind(id)
        .bind(control)
        .execute(db)
        .await?;
    Ok(())
}

/// Queues runs again that no worker holds, and that are locked. Those of a group come in the order of
/// their ids again.
pub(super) async fn requeue(db: &mut PgConnection, ids: &[String]) -> sqlx::Result<()> {
    sqlx::query(
        "update ostrakon.runs
         set status = 'queued', control = 'run', attempt = 0, crashes = 0, finished_at = null,
             closing = null, notified_at = null, available_at = statement_timestamp(),
             failures = case when status = 'paused' then failures else 0 end
         where id = any ($1)",
    )
    .bind(ids)
    .execute(db)
    .await?;
    Ok(())
}
