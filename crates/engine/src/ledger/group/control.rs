//! An operator's statements about all runs of a group.
//!
//! What needs nothing but a change of status is done for all such runs in one statement. The others
//! are done one by one, as single runs are.

use serde_json::json;
use sqlx::{Connection as _, PgConnection};

use crate::{
    Status,
    ledger::{
        ControlError,
        control::{cancel, pause, requeue, resume, retry, set_status},
        event::record_all,
        throttle::set_speed,
    },
};

/// A request about every run of a group that allows it.
#[derive(Debug, Clone, Copy)]
enum Request {
    Pause,
    Resume,
    Cancel,
    Retry,
    Speed(f64),
}

/// Pauses a group: runs that are being worked on at the end of their batch, the others immediately.
/// Returns how many runs that concerns.
pub async fn pause_group(db: &mut PgConnection, id: &str, by: &str) -> Result<u64, ControlError> {
    let queued = "select id from ostrakon.runs
                  where group_id = $1 and status = 'queued' and waits_for is null for update";
    let paused = change(db, id, by, queued, Status::Paused, "paused").await?;
    Ok(paused + each(db, id, by, Request::Pause).await?)
}

/// Resumes the paused runs of a group, and withdraws requests that were not obeyed yet. Returns how
/// many runs that concerns.
pub async fn resume_group(db: &mut PgConnection, id: &str, by: &str) -> Result<u64, ControlError> {
    let paused =
        "select id from ostrakon.runs where group_id = $1 and status = 'paused' for update";
    let resumed = change(db, id, by, paused, Status::Queued, "resume_requested").await?;
    Ok(resumed + each(db, id, by, Request::Resume).await?)
}

/// Cancels the unfinished runs of a group: runs that are being worked on at the end of their batch,
/// the others immediately. Returns how many runs that concerns.
pub async fn cancel_group(db: &mut PgConnection, id: &str, by: &str) -> Result<u64, ControlError> {
    let waiting = "select id from ostrakon.runs
                   where group_id = $1 and status in ('queued', 'paused') and waits_for is null
                   for update";
    let cancelled = change(db, id, by, waiting, Status::Cancelled, "cancelled").await?;
    Ok(cancelled + each(db, id, by, Request::Cancel).await?)
}

/// Retries everything that the failed, cancelled and incomplete runs of a group have left. Returns
/// how many runs that concerns; it leaves out runs whose work an unfinished run does.
pub async fn retry_group(db: &mut PgConnection, id: &str, by: &str) -> Result<u64, ControlError> {
    let left = "select id from ostrakon.runs run
                where group_id = $1 and status in ('failed', 'cancelled') and parked = 0
                  and not exists (
                      select from ostrakon.runs other
                      where other.dedupe_key = run.dedupe_key
                        and other.status in ('queued', 'running', 'paused'))
                for update";
    let retried = change(db, id, by, left, Status::Queued, "retry_requested").await?;
    Ok(retried + each(db, id, by, Request::Retry).await?)
}

/// Sets the speed of the unfinished runs of a group from their next batches on. Returns how many
/// runs that concerns. `speed` is as for [`set_speed`].
pub async fn set_group_speed(
    db: &mut PgConnection,
    id: &str,
    speed: f64,
    by: &str,
) -> Result<u64, ControlError> {
    let mut tx = db.begin().await?;
    let waiting: Vec<String> = sqlx::query_scalar(
        "update ostrakon.runs set speed = $2
         where group_id = $1 and status in ('queued', 'paused') returning id",
    )
    .bind(id)
    .bind(speed)
    .fetch_all(&mut *tx)
    .await?;
    record_all(&mut tx, &waiting, "speed", by, &json!({ "factor": speed })).await?;
    tx.commit().await?;
    let set = u64::try_from(waiting.len()).unwrap_or(u64::MAX);
    Ok(set + each(db, id, by, Request::Speed(speed)).await?)
}

/// Gives the runs that `which` finds and locks their new status, in one transaction. Returns their
/// number.
async fn change(
    db: &mut PgConnection,
    group_id: &str,
    by: &str,
    which: &'static str,
    status: Status,
    event: &'static str,
) -> Result<u64, ControlError> {
    let mut tx = db.begin().await?;
    let ids: Vec<String> = sqlx::query_scalar(which).bind(group_id).fetch_all(&mut *tx).await?;
    if status == Status::Queued {
        requeue(&mut tx, &ids).await?;
    } else {
        set_status(&mut tx, &ids, status).await?;
    }
    record_all(&mut tx, &ids, event, by, &json!({})).await?;
    tx.commit().await?;
    Ok(u64::try_from(ids.len()).unwrap_or(u64::MAX))
}

/// Makes the request of each run that is left; passes over those that meanwhile refuse it. Returns
/// the number of the others.
async fn each(
    db: &mut PgConnection,
    group_id: &str,
    by: &str,
    request: Request,
) -> Result<u64, ControlError> {
    let statuses: &[&str] = match request {
        Request::Pause => &["queued", "running"],
        Request::Cancel => &["queued", "running", "paused"],
        Request::Resume | Request::Speed(_) => &["running"],
        Request::Retry => &["failed", "cancelled", "incomplete"],
    };
    let ids: Vec<String> = sqlx::query_scalar(
        "select id from ostrakon.runs
         where group_id = $1 and status = any ($2) and ($3 or control <> 'run' or status <> 'running')
         order by id",
    )
    .bind(group_id)
    .bind(statuses)
    // Only what was requested can be withdrawn.
    .bind(!matches!(request, Request::Resume))
    .fetch_all(&mut *db)
    .await?;
    let mut obeyed = 0;
    for id in ids {
        let done = match request {
            Request::Pause => pause(db, &id, by).await,
            Request::Resume => resume(db, &id, by).await,
            Request::Cancel => cancel(db, &id, by).await,
            Request::Retry => retry(db, &id, by).await,
            Request::Speed(speed) => set_speed(db, &id, speed, by).await,
        };
        match done {
            Ok(_) => obeyed += 1,
            Err(
                ControlError::Status { .. }
                | ControlError::Superseded { .. }
                | ControlError::NothingParked(_),
            ) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(obeyed)
}
