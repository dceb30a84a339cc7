//! Jobs for the server's own queue (docs/semantics.md 1.6).

use chrono::NaiveDateTime;
use serde_json::Value;
use sqlx::PgConnection;

/// The queue in which the server's deliveries to other servers stand.
pub(crate) const DELIVERIES: &str = "federator_outgoing";

/// A row for `oban_jobs`; every other column keeps its default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObanJob {
    /// Name of the server's queue.
    pub queue: &'static str,
    /// Module of the server that does it.
    pub worker: &'static str,
    /// What to do.
    pub args: Value,
    /// Tries before it is discarded.
    pub max_attempts: i32,
    /// 0 is the most urgent.
    pub priority: i32,
    /// Not before this time (UTC). A row that is `available` runs at once whatever its time, so
    /// such a row is written as `scheduled`.
    pub scheduled_at: Option<NaiveDateTime>,
}

/// Inserts jobs in the order given.
pub async fn insert_oban_jobs(db: &mut PgConnection, jobs: &[ObanJob]) -> sqlx::Result<()> {
    if jobs.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into public.oban_jobs
           (queue, worker, args, max_attempts, priority, state, scheduled_at)
         select queue, worker, args, max_attempts, priority,
                (case when scheduled_at is null then 'available' else 'scheduled' end)::oban_job_state,
                coalesce(scheduled_at, timezone('UTC', now()))
         from unnest($1::text[], $2::text[], $3::jsonb[], $4::int[], $5::int[], $6::timestamp[])
              with ordinality as job (queue, worker, args, max_attempts, priority, scheduled_at, n)
         order by n",
    )
    .bind(jobs.iter().map(|job| job.queue).collect::<Vec<_>>())
    .bind(jobs.iter().map(|job| job.worker).collect::<Vec<_>>())
    .bind(jobs.iter().map(|job| &job.args).collect::<Vec<_>>())
    .bind(jobs.iter().map(|job| job.max_attempts).collect::<Vec<_>>())
    .bind(jobs.iter().map(|job| job.priority).collect::<Vec<_>>())
    .bind(jobs.iter().map(|job| job.scheduled_at).collect::<Vec<_>>())
    .execute(db)
    .await?;
    Ok(())
}
