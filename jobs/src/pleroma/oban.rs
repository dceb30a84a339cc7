//! Jobs for the server's own queue (docs/semantics.md 1.6).

use std::time::Duration;

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

/// Inserts jobs in the order given; gives their ids.
pub async fn insert_oban_jobs(db: &mut PgConnection, jobs: &[ObanJob]) -> sqlx::Result<Vec<i64>> {
    if jobs.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::query_scalar(
        "insert into public.oban_jobs
           (queue, worker, args, max_attempts, priority, state, scheduled_at)
         select queue, worker, args, max_attempts, priority,
                (case when scheduled_at is null then 'available' else 'scheduled' end)::oban_job_state,
                coalesce(scheduled_at, timezone('UTC', now()))
         from unnest($1::text[], $2::text[], $3::jsonb[], $4::int[], $5::int[], $6::timestamp[])
              with ordinality as job (queue, worker, args, max_attempts, priority, scheduled_at, n)
         order by n
         returning id",
    )
    .bind(jobs.iter().map(|job| job.queue).collect::<Vec<_>>())
    .bind(jobs.iter().map(|job| job.worker).collect::<Vec<_>>())
    .bind(jobs.iter().map(|job| &job.args).collect::<Vec<_>>())
    .bind(jobs.iter().map(|job| job.max_attempts).collect::<Vec<_>>())
    .bind(jobs.iter().map(|job| job.priority).collect::<Vec<_>>())
    .bind(jobs.iter().map(|job| job.scheduled_at).collect::<Vec<_>>())
    .fetch_all(db)
    .await
}

/// Finds a job that has been due for longer than `bound`, in a queue that the server is working on:
/// the oldest one's queue, and how long it has waited.
///
/// A queue from which nothing was taken in the last minutes belongs to a server that is down, or to
/// a release long gone: it says nothing of how busy the server is. Of each queue the first thousand
/// in line are looked at, so that a long queue costs no more than a short one.
pub async fn oldest_due_job(
    db: &mut PgConnection,
    bound: Duration,
) -> sqlx::Result<Option<(String, Duration)>> {
    let oldest: Option<(String, f64)> = sqlx::query_as(
        "select queue, extract(epoch from timezone('UTC', now()) - min(scheduled_at))::float8 as waited
         from (select distinct queue from public.oban_jobs
               where state = 'executing' and attempted_at > timezone('UTC', now()) - interval '5 min')
              as busy,
              lateral (select scheduled_at from public.oban_jobs due
                       where due.state = 'available' and due.queue = busy.queue limit 1000) as due
         group by queue
         having min(scheduled_at) < timezone('UTC', now()) - make_interval(secs => $1)
         order by waited desc limit 1",
    )
    // Planned anew each time: a plan made while the table was small reads it whole, several times a
    // second, when it has grown by a hundred thousand deliveries.
    .persistent(false)
    .bind(bound.as_secs_f64())
    .fetch_optional(db)
    .await?;
    Ok(oldest.map(|(queue, waited)| (queue, Duration::from_secs_f64(waited.max(0.0)))))
}

#[cfg(test)]
mod tests {
    use anyhow::{Result, ensure};
    use sqlx::{Connection as _, Executor as _};
    use testkit::{Database, Flavour};

    use super::*;

    /// Rows of the queue that were read by going through the whole table, until now.
    async fn read_whole(db: &mut PgConnection) -> Result<i64> {
        db.execute("select pg_stat_force_next_flush()").await?;
        let read = "select seq_tup_read from pg_stat_user_tables where relname = 'oban_jobs'";
        Ok(sqlx::query_scalar(read).persistent(false).fetch_one(db).await?)
    }

    #[tokio::test]
    async fn a_queue_that_grows_is_not_read_whole() -> Result<()> {
        let database = Database::create(Flavour::Pleroma).await?;
        let mut db = PgConnection::connect(database.url()).await?;
        db.execute("insert into oban_jobs (queue, worker, args) values ('mailer', 'Worker', '{}')")
            .await?;
        db.execute("vacuum analyze oban_jobs").await?;
        // So often that PostgreSQL keeps the plan of a prepared statement.
        for _ in 0..10 {
            ensure!(oldest_due_job(&mut db, Duration::from_mins(1)).await?.is_none());
        }
        db.execute(
            "insert into oban_jobs (queue, worker, args)
             select 'federator_outgoing', 'Worker', '{}' from generate_series(1, 5000)",
        )
        .await?;
        let before = read_whole(&mut db).await?;
        ensure!(oldest_due_job(&mut db, Duration::from_mins(1)).await?.is_none());
        let read = read_whole(&mut db).await? - before;
        ensure!(read < 5_000, "{read} rows");
        Ok(())
    }
}
