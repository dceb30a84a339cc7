//! A worker's statements: claim, lock, checkpoint, end. Each is fenced by the claim's number.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sqlx::{Connection, FromRow, PgConnection};

use super::{
    event::record, group::takes_turn, parked::park, run::Control, wait::record_wait,
    writes::forget_writes,
};
use crate::{Parking, PlanSummary, Status, error::waited_in_vain, transaction::milliseconds};

/// Maximum time that a claim waits for a session that has locked a queued run.
const HELD: Duration = Duration::from_secs(3);

/// Duration of a lease, and the interval of its renewal.
#[derive(Debug, Clone, Copy)]
pub struct Lease {
    /// Duration, by the database's clock.
    pub duration: Duration,
    /// Interval of the renewal; at most half of the duration.
    pub renewal: Duration,
}

/// Right to work on a run, until another worker claims it.
#[derive(Debug, Clone, FromRow)]
pub struct Claim {
    /// The run's ULID.
    pub run_id: String,
    /// [`Job::NAME`](super::super::Job::NAME).
    pub job: String,
    /// The typed job as JSON.
    pub payload: Value,
    /// What the operator typed.
    pub subject: String,
    /// Name of the class, which names the queue.
    pub class: String,
    /// ULID of the group that the run belongs to.
    pub group_id: Option<String>,
    /// Worker that holds the claim.
    pub owner: String,
    /// Fence; larger than that of every earlier claim of the run.
    pub fence: i64,
    /// Failed tries since the last committed batch.
    pub attempt: i32,
    /// Worker crashes over the run since the last committed batch.
    pub crashes: i32,
}

/// Claims a run that is due: queued, or running under a lease that ran out. `None` when it is not,
/// or when another run of its group is being worked on.
pub async fn claim(
    db: &mut PgConnection,
    run_id: &str,
    owner: &str,
    lease: Lease,
) -> sqlx::Result<Option<Claim>> {
    let mut tx = db.begin().await?;
    // A worker that is cut off between these statements must not keep the row from other workers.
    sqlx::query("select set_config('idle_in_transaction_session_timeout', $1, true)")
        .bind(milliseconds(lease.duration))
        .execute(&mut *tx)
        .await?;
    let before = lock_due(&mut tx, run_id).await?;
    let Some(Due { status, untouched, waits, group_id }) = before else {
        // Rolled back here, not at the connection's next use: a row that was locked and then found
        // not to be due stays locked until the transaction ends.
        tx.rollback().await?;
        return Ok(None);
    };
    if let Some(group_id) = group_id
        && !takes_turn(&mut tx, &group_id, run_id).await?
    {
        tx.rollback().await?;
        return Ok(None);
    }
    let claim: Claim = sqlx::query_as(
        "update ostrakon.runs
         set status = 'running', lease_owner = $2, fence = fence + 1,
             lease_expires_at = clock_timestamp() + make_interval(secs => $3),
             crashes = crashes + (status = 'running')::int,
             -- The notification was answered: should the lease run out, workers are notified again immediately.
             notified_at = null,
             -- Whoever held it back may have been killed meanwhile, at the latest when its lease ended.
             throttled_ms = throttled_ms + greatest(0, extract(epoch from
                 least(clock_timestamp(), lease_expires_at) - throttled_at) * 1000)::bigint,
             throttle = null, throttle_reason = null, throttled_at = null,
             waited_ms = waited_ms + coalesce(extract(epoch from
                 clock_timestamp() - waits_since) * 1000, 0)::bigint,
             waits_since = null, checks = checks + (status = 'queued' and waits_for is not null)::int,
             started_at = coalesce(started_at, clock_timestamp())
         where id = $1
         returning id as run_id, job, payload, subject, class, group_id, lease_owner as owner, fence,
                   attempt, crashes",
    )
    .bind(run_id)
    .bind(owner)
    .bind(lease.duration.as_secs_f64())
    .fetch_one(&mut *tx)
    .await?;
    let event = match (status, untouched) {
        (Status::Running, _) => Some("taken_over"),
        // The run only checks whether it may continue, as it may do hundreds of times.
        _ if waits => None,
        (_, true) => Some("started"),
        (_, false) => Some("resumed"),
    };
    if let Some(event) = event {
        record(&mut tx, run_id, event, owner, &json!({ "fence": claim.fence })).await?;
    }
    tx.commit().await?;
    Ok(Some(claim))
}

/// A run that may be claimed.
#[derive(FromRow)]
struct Due {
    status: Status,
    /// Whether the run has no cursor: no worker has planned it.
    untouched: bool,
    /// Whether its last claim ended by waiting.
    waits: bool,
    /// Group that it belongs to.
    group_id: Option<String>,
}

/// Locks a run that is due. `None` if it is not due, or if another session holds it.
///
/// A run whose lease ran out may be held by a batch; this does not wait for it. A queued run is
/// held for a moment only: by a session that records its notification, pauses it or changes its
/// speed. This waits for that session: otherwise the notification that led here would be lost, and
/// the next one comes seconds later.
async fn lock_due(db: &mut PgConnection, run_id: &str) -> sqlx::Result<Option<Due>> {
    let due = sqlx::query_as(
        "select status, cursor is null as untouched, waits_for is not null as waits, group_id
         from ostrakon.runs where id = $1
           and (status = 'queued' and available_at <= clock_timestamp()
             or status = 'running' and lease_expires_at < clock_timestamp())
         for update skip locked",
    )
    .bind(run_id)
    .fetch_optional(&mut *db)
    .await?;
    if due.is_some() {
        return Ok(due);
    }
    sqlx::query("select set_config('lock_timeout', $1, true)")
        .bind(milliseconds(HELD))
        .execute(&mut *db)
        .await?;
    let queued = sqlx::query_as(
        "select status, cursor is null as untouched, waits_for is not null as waits, group_id
         from ostrakon.runs where id = $1 and status = 'queued' and available_at <= clock_timestamp() for update",
    )
    .bind(run_id)
    .fetch_optional(db)
    .await;
    match queued {
        Err(error) if waited_in_vain(&error) => Ok(None),
        other => other,
    }
}

/// Outcome of a lease's renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewed {
    /// The lease lasts for its whole duration again.
    Yes,
    /// A batch holds the run row; with the time that the lease still lasts, which may be zero.
    Busy(Duration),
    /// Another worker has claimed the run, or it is no longer running.
    Lost,
}

/// Renews a claim's lease.
///
/// Never waits: while a batch holds the run row, no worker can claim the run, and the batch's own
/// commit renews the lease. A renewal that waited would keep a connection from others.
pub async fn renew(db: &mut PgConnection, claim: &Claim, lease: Lease) -> sqlx::Result<Renewed> {
    let renewed = sqlx::query(
        "update ostrakon.runs set lease_expires_at = clock_timestamp() + make_interval(secs => $3)
         where id in (select id from ostrakon.runs where id = $1 and fence = $2
                        and status = 'running' for update skip locked)",
    )
    .bind(&claim.run_id)
    .bind(claim.fence)
    .bind(lease.duration.as_secs_f64())
    .execute(&mut *db)
    .await?;
    if renewed.rows_affected() == 1 {
        return Ok(Renewed::Yes);
    }
    let left: Option<f64> = sqlx::query_scalar(
        "select greatest(extract(epoch from lease_expires_at - clock_timestamp()), 0)::float8
         from ostrakon.runs where id = $1 and fence = $2 and status = 'running'",
    )
    .bind(&claim.run_id)
    .bind(claim.fence)
    .fetch_optional(db)
    .await?;
    Ok(left.map_or(Renewed::Lost, |left| Renewed::Busy(Duration::from_secs_f64(left))))
}

/// What a worker reads when it locks its run at the start of a batch.
#[derive(Debug, FromRow)]
pub(crate) struct Locked {
    pub(crate) control: Control,
    pub(crate) cursor: Option<Value>,
    /// Progress of the end of the run.
    pub(crate) closing: Option<Value>,
    pub(crate) done: i64,
    pub(crate) parked: i64,
    pub(crate) total: Option<i64>,
    pub(crate) attempt: i32,
    pub(crate) speed: f64,
    pub(crate) deliveries_until: Option<DateTime<Utc>>,
    /// Status of the run before only its parked items were retried.
    pub(crate) parked_retry_of: Option<Status>,
}

/// Locks the run row for the rest of the transaction. `None` when the claim is lost.
pub(crate) async fn lock(db: &mut PgConnection, claim: &Claim) -> sqlx::Result<Option<Locked>> {
    sqlx::query_as(
        "select control, cursor, closing, done, parked, total, attempt, speed, deliveries_until,
                parked_retry_of
         from ostrakon.runs
         where id = $1 and fence = $2 and status = 'running' for update",
    )
    .bind(&claim.run_id)
    .bind(claim.fence)
    .fetch_optional(db)
    .await
}

/// Stores the plan of a run's first start.
pub(crate) async fn start(
    db: &mut PgConnection,
    claim: &Claim,
    plan: &PlanSummary,
) -> sqlx::Result<()> {
    sqlx::query("update ostrakon.runs set plan = $2, total = $3, cursor = $4 where id = $1")
        .bind(&claim.run_id)
        .bind(sqlx::types::Json(plan))
        .bind(plan.total)
        .bind(&plan.cursor)
        .execute(&mut *db)
        .await?;
    record(db, &claim.run_id, "planned", &claim.owner, &json!({ "total": plan.total })).await
}

/// What a batch records in the ledger.
#[derive(Debug)]
pub(crate) struct Checkpoint<'a> {
    pub(crate) cursor: &'a Value,
    pub(crate) done: i64,
    /// Items that the job leaves unchanged.
    pub(crate) parked: &'a [Parking<Value>],
    pub(crate) deliveries_until: Option<DateTime<Utc>>,
    /// What the batch wrote and other sessions may overwrite.
    pub(crate) written: Option<&'a Value>,
    /// Whether the commit waits until the batch is on PostgreSQL's disk.
    pub(crate) flushed: bool,
}

/// A run's figures after a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromRow)]
pub(crate) struct Figures {
    pub(crate) done: i64,
    pub(crate) parked: i64,
    pub(crate) total: Option<i64>,
}

/// Stores the checkpoint of a batch, renews the lease, and sets how the transaction commits. If
/// more was found than was planned, the total rises.
///
/// Without waiting for the disk, a batch holds its locks for a shorter time; the row that all other
/// sessions wait for is that of a counter. A crash of PostgreSQL may then undo the latest
/// batches: the rows, the jobs for the server and the checkpoint alike, as they are one
/// transaction. Nothing outside can have seen them by then, as WAL is flushed in order: the server
/// marks a job as executing, and waits for that to be on disk, before it delivers anything.
///
/// One statement, since other sessions wait for that row meanwhile.
pub(crate) async fn advance(
    db: &mut PgConnection,
    claim: &Claim,
    checkpoint: Checkpoint<'_>,
    lease: Lease,
) -> sqlx::Result<Figures> {
    for item in checkpoint.parked {
        park(db, claim, item, None).await?;
    }
    sqlx::query_as(
        "with noted as (
             insert into ostrakon.batch_writes (run_id, what) select $1, $7::jsonb where $7 is not null
         )
         update ostrakon.runs set cursor = $2, done = done + $3, attempt = 0, crashes = 0,
                -- There may be more by now than when it was planned.
                total = greatest(total, done + $3 + parked),
                lease_expires_at = clock_timestamp() + make_interval(secs => $4),
                deliveries_until = greatest(deliveries_until, $5)
         where id = $1
         returning done, parked, total,
                   case when not $6 then set_config('synchronous_commit', 'off', true) end",
    )
    .bind(&claim.run_id)
    .bind(checkpoint.cursor)
    .bind(checkpoint.done)
    .bind(lease.duration.as_secs_f64())
    .bind(checkpoint.deliveries_until)
    .bind(checkpoint.flushed)
    .bind(checkpoint.written)
    .fetch_one(db)
    .await
}

/// Ends a run that has reached its end. Nothing is left then: planned items that are neither done
/// nor parked were removed by others.
pub(crate) async fn finish(
    db: &mut PgConnection,
    claim: &Claim,
    status: Status,
    error: Option<&str>,
) -> sqlx::Result<()> {
    forget_writes(db, claim).await?;
    sqlx::query("update ostrakon.runs set total = done + parked where id = $1 and fence = $2")
        .bind(&claim.run_id)
        .bind(claim.fence)
        .execute(&mut *db)
        .await?;
    end(db, claim, status, error).await
}

/// Restores the previous status of a run of which only the parked items were retried.
pub(crate) async fn end_as_before(
    db: &mut PgConnection,
    claim: &Claim,
    before: Status,
) -> sqlx::Result<()> {
    end(db, claim, before, None).await
}

/// Marks the run as failed.
pub(crate) async fn fail(db: &mut PgConnection, claim: &Claim, error: &str) -> sqlx::Result<()> {
    end(db, claim, Status::Failed, Some(error)).await
}

/// Obeys the operator: pauses or cancels the run.
pub(crate) async fn stop(db: &mut PgConnection, claim: &Claim, status: Status) -> sqlx::Result<()> {
    end(db, claim, status, None).await
}

async fn end(
    db: &mut PgConnection,
    claim: &Claim,
    status: Status,
    error: Option<&str>,
) -> sqlx::Result<()> {
    record_wait(db, &claim.run_id, &claim.owner).await?;
    let (done, total, parked, planned): (i64, Option<i64>, i64, Option<i64>) = sqlx::query_as(
        "update ostrakon.runs
         set status = $3, control = 'run', lease_expires_at = null,
             -- A pause is no end: what was asked for is still to be done.
             parked_retry_of = case when $3 = 'paused' then parked_retry_of end,
             last_error = coalesce($4, last_error),
             finished_at = case when $3 = 'paused' then null else clock_timestamp() end
         where id = $1 and fence = $2
         returning done, total, parked, (plan ->> 'total')::bigint",
    )
    .bind(&claim.run_id)
    .bind(claim.fence)
    .bind(status.name())
    .bind(error)
    .fetch_one(&mut *db)
    .await?;
    let mut detail = json!({ "done": done, "total": total, "parked": parked, "error": error });
    if matches!(status, Status::Succeeded | Status::Incomplete) && total != planned {
        detail["planned"] = json!(planned);
    }
    record(db, &claim.run_id, status.name(), &claim.owner, &detail).await
}

/// Gives the lease back: after an interruption without `failed`, after a failed try with it. An
/// interrupted run keeps its place among those that wait.
pub(crate) async fn give_back(
    db: &mut PgConnection,
    claim: &Claim,
    failed: Option<(&str, Duration)>,
) -> sqlx::Result<()> {
    record_wait(db, &claim.run_id, &claim.owner).await?;
    let (error, delay) = failed.unzip();
    sqlx::query(
        "update ostrakon.runs
         set status = 'queued', lease_expires_at = null, notified_at = null,
             attempt = attempt + ($3::text is not null)::int, last_error = coalesce($3, last_error),
             available_at = case when $3::text is null then available_at
                                 else clock_timestamp() + make_interval(secs => $4) end
         where id = $1 and fence = $2",
    )
    .bind(&claim.run_id)
    .bind(claim.fence)
    .bind(error)
    .bind(delay.unwrap_or_default().as_secs_f64())
    .execute(&mut *db)
    .await?;
    let event = if error.is_some() { "retrying" } else { "interrupted" };
    let detail = json!({ "error": error, "delay_s": delay.map(|delay| delay.as_secs_f64()) });
    record(db, &claim.run_id, event, &claim.owner, &detail).await
}
