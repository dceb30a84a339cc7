//! Requesting a job.

use serde_json::{Value, json};
use sqlx::PgConnection;
use ulid::Ulid;

use super::event::record;
use crate::{Class, PlanSummary, Status};

/// A job that an operator requests.
#[derive(Debug)]
pub struct NewRun<'a> {
    /// [`Job::NAME`](super::super::Job::NAME).
    pub job: &'static str,
    /// Class, which names the queue.
    pub class: Class,
    /// The typed job as JSON.
    pub payload: Value,
    /// What the operator typed.
    pub subject: &'a str,
    /// Dedupe key: unfinished runs never share it.
    pub dedupe_key: &'a str,
    /// Plan that the operator was shown.
    pub plan: &'a PlanSummary,
    /// Operator who requests the job.
    pub requested_by: &'a str,
    /// Reason, if the operator gives one.
    pub reason: Option<&'a str>,
}

/// Outcome of the request.
#[derive(Debug, PartialEq, Eq)]
pub enum Enqueued {
    /// The run was written.
    New {
        /// ULID of the run.
        id: String,
    },
    /// An unfinished run has the same key; nothing was written.
    Already {
        /// ULID of that run.
        id: String,
        /// Job of that run, which may differ from the requested one.
        job: String,
        /// Status of that run.
        status: Status,
    },
}

/// Writes a run and its first event, unless an unfinished run has the same key. Within the caller's
/// transaction, in which the caller also establishes what must hold from now on.
pub async fn enqueue(db: &mut PgConnection, new: &NewRun<'_>) -> sqlx::Result<Enqueued> {
    // A run with the same key may finish between the two statements: then the insert is repeated.
    loop {
        let id = Ulid::generate().to_string();
        let inserted = sqlx::query(
            "insert into ostrakon.runs
               (id, job, class, payload, subject, dedupe_key, plan, total, requested_by, reason)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             on conflict (dedupe_key) where status in ('queued', 'running', 'paused') do nothing",
        )
        .bind(&id)
        .bind(new.job)
        .bind(new.class.name())
        .bind(&new.payload)
        .bind(new.subject)
        .bind(new.dedupe_key)
        .bind(sqlx::types::Json(new.plan))
        .bind(new.plan.total)
        .bind(new.requested_by)
        .bind(new.reason)
        .execute(&mut *db)
        .await?
        .rows_affected();
        if inserted == 1 {
            let detail = json!({ "total": new.plan.total, "reason": new.reason });
            record(&mut *db, &id, "queued", new.requested_by, &detail).await?;
            return Ok(Enqueued::New { id });
        }
        let existing: Option<(String, String, Status)> = sqlx::query_as(
            "select id, job, status from ostrakon.runs
             where dedupe_key = $1 and status in ('queued', 'running', 'paused')",
        )
        .bind(new.dedupe_key)
        .fetch_optional(&mut *db)
        .await?;
        if let Some((id, job, status)) = existing {
            return Ok(Enqueued::Already { id, job, status });
        }
    }
}
