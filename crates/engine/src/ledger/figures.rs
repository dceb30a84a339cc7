//! Totals over all runs, for monitoring.

use sqlx::{FromRow, PgConnection};

use crate::{Class, Status};

/// Totals of the runs of one job with one status.
#[derive(Debug, Clone, FromRow)]
pub struct RunFigures {
    /// [`Job::NAME`](super::super::Job::NAME).
    pub job: String,
    /// Status of these runs.
    pub status: Status,
    /// Number of runs.
    pub runs: i64,
    /// Items dealt with and committed.
    pub done: i64,
    /// Parked items.
    pub parked: i64,
    /// Seconds for which they were throttled, until now; for a worker that died, until its lease
    /// ended.
    pub throttled: f64,
}

/// Wait of the run of a class that has been due for longest without a worker.
#[derive(Debug, Clone, FromRow)]
pub struct Waiting {
    /// Name of the class, which names the queue.
    pub class: String,
    /// Wait in seconds; 0 if no run waits.
    pub seconds: f64,
}

/// Totals of all runs. Reads the whole table.
pub async fn run_figures(db: &mut PgConnection) -> sqlx::Result<Vec<RunFigures>> {
    sqlx::query_as(
        "select job, status, count(*) as runs, sum(done)::bigint as done,
                sum(parked)::bigint as parked,
                sum(throttled_ms / 1000.0 + greatest(0, extract(epoch from
                    least(clock_timestamp(), lease_expires_at) - throttled_at)))::float8 as throttled
         from ostrakon.runs group by job, status order by job, status",
    )
    .fetch_all(db)
    .await
}

/// Longest wait in each class.
pub async fn longest_waiting(db: &mut PgConnection) -> sqlx::Result<Vec<Waiting>> {
    sqlx::query_as(
        "select class, greatest(0, coalesce(extract(epoch from clock_timestamp() - (
                    select available_at from ostrakon.runs r
                    where r.class = c.class and r.status = 'queued'
                    order by available_at limit 1)), 0))::float8 as seconds
         from unnest($1::text[]) as c (class)",
    )
    .bind(Class::ALL.map(Class::name).as_slice())
    .fetch_all(db)
    .await
}
