//! Jobs for the server's own queue (docs/semantics.md 1.6).

use std::time::Duration;

use chrono::NaiveDateTime;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

/// Queue of the server's deliveries to other servers.
pub const DELIVERIES: &str = "federator_outgoing";

/// Row for `oban_jobs`; every other column keeps its default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObanJob {
    /// Name of the server's queue.
    pub queue: &'static str,
    /// Module of the server that performs the job.
    pub worker: &'static str,
    /// Arguments of the job.
    pub args: Value,
    /// Attempts before it is discarded.
    pub max_attempts: i32,
    /// Priority; 0 is the most urgent.
    pub priority: i32,
    /// Earliest time of execution (UTC). The server runs an `available` row immediately, whatever
    /// its time, so a row with a time is written as `scheduled`.
    pub scheduled_at: Option<NaiveDateTime>,
    /// Document that is added to `args` in the database: other servers may have written it, in any
    /// size and form.
    pub document: Option<Document>,
}

/// Document in a job's arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Document {
    /// Whole activity, as text in `object_data`.
    Whole(Uuid),
    /// Activity that an Undo embeds, as text in `object_data`.
    Held(Uuid),
    /// Activity as other servers receive it, as text in `params.json`, which holds its beginning;
    /// with the undone activity instead of that activity's id.
    Delivered {
        /// Row of the new activity.
        activity: Uuid,
        /// Row of the undone activity; for an Undo that embeds it, the Undo.
        undone: Option<Uuid>,
    },
}

impl Document {
    const fn place(self) -> &'static str {
        match self {
            Self::Whole(_) => "whole",
            Self::Held(_) => "held",
            Self::Delivered { .. } => "delivered",
        }
    }

    const fn activity(self) -> Uuid {
        match self {
            Self::Whole(activity) | Self::Held(activity) | Self::Delivered { activity, .. } => {
                activity
            }
        }
    }

    const fn undone(self) -> Option<Uuid> {
        match self {
            Self::Delivered { undone, .. } => undone,
            Self::Whole(_) | Self::Held(_) => None,
        }
    }
}

/// JSON as the servers write it: compact, with sorted keys. `$inner` does the same for values that
/// are objects; deeper levels keep PostgreSQL's blanks.
macro_rules! compact {
    ($object:expr, $inner:expr) => {
        concat!(
            "(select '{' || coalesce(string_agg(to_json(key)::text || ':' || case jsonb_typeof(value)
                  when 'array' then (select '[' || coalesce(string_agg(entry::text, ',' order by n), '') || ']'
                                     from jsonb_array_elements(value) with ordinality as entries (entry, n))
                  when 'object' then ",
            $inner,
            " else value::text end, ',' order by key collate \"C\"), '') || '}'
              from jsonb_each(",
            $object,
            ") as fields (key, value))"
        )
    };
}

macro_rules! compact_document {
    ($document:literal) => {
        compact!($document, compact!("value", "value::text"))
    };
}

/// Inserts jobs with documents. $7 to $9: kind of each job's document, its activity, and the
/// activity that this one undoes.
const INSERT_WITH_DOCUMENTS: &str = concat!(
    "insert into public.oban_jobs
       (queue, worker, args, max_attempts, priority, state, scheduled_at)
     select queue, worker,
            case place
                when 'whole' then args || jsonb_build_object('object_data', ",
    compact_document!("a.data"),
    ")
                when 'held' then args || jsonb_build_object('object_data', ",
    compact_document!("a.data -> 'object'"),
    ")
                when 'delivered' then jsonb_set(args, '{params,json}', to_jsonb(
                    args #>> '{params,json}' || substr(",
    compact_document!(
        "(a.data - '{deleted_activity_id,bto,bcc}'::text[])
             || case jsonb_typeof(undone.data) when 'object'
                     then jsonb_build_object('object', undone.data - '{bto,bcc}'::text[]) else '{}' end"
    ),
    ", 2)))
                else args end,
            max_attempts, priority,
            (case when scheduled_at is null then 'available' else 'scheduled' end)::oban_job_state,
            coalesce(scheduled_at, timezone('UTC', now()))
     from unnest($1::text[], $2::text[], $3::jsonb[], $4::int[], $5::int[], $6::timestamp[],
                 $7::text[], $8::uuid[], $9::uuid[])
          with ordinality as job (queue, worker, args, max_attempts, priority, scheduled_at,
                                  place, activity, undoes, n)
     left join public.activities a on a.id = job.activity
     left join lateral (
         select case when u.id = job.activity then u.data -> 'object' else u.data end as data
         from public.activities u where u.id = job.undoes) as undone on true
     order by n
     returning id"
);

/// Inserts jobs in the order given; returns their ids.
pub async fn insert_oban_jobs(db: &mut PgConnection, jobs: &[ObanJob]) -> sqlx::Result<Vec<i64>> {
    if jobs.is_empty() {
        return Ok(Vec::new());
    }
    if jobs.iter().any(|job| job.document.is_some()) {
        return insert_with_documents(db, jobs).await;
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

async fn insert_with_documents(db: &mut PgConnection, jobs: &[ObanJob]) -> sqlx::Result<Vec<i64>> {
    let documents = || jobs.iter().map(|job| job.document);
    sqlx::query_scalar(INSERT_WITH_DOCUMENTS)
        .bind(jobs.iter().map(|job| job.queue).collect::<Vec<_>>())
        .bind(jobs.iter().map(|job| job.worker).collect::<Vec<_>>())
        .bind(jobs.iter().map(|job| &job.args).collect::<Vec<_>>())
        .bind(jobs.iter().map(|job| job.max_attempts).collect::<Vec<_>>())
        .bind(jobs.iter().map(|job| job.priority).collect::<Vec<_>>())
        .bind(jobs.iter().map(|job| job.scheduled_at).collect::<Vec<_>>())
        .bind(documents().map(|document| document.map(Document::place)).collect::<Vec<_>>())
        .bind(documents().map(|document| document.map(Document::activity)).collect::<Vec<_>>())
        .bind(documents().map(|document| document?.undone()).collect::<Vec<_>>())
        .fetch_all(db)
        .await
}

/// Finds the oldest job that has been due for longer than `bound`, in a queue that the server is
/// working on. Returns its queue, and how long it has waited.
///
/// A queue from which nothing was taken in the last minutes belongs to a server that is down, or to
/// an old release: it does not show how busy the server is. At most the first 1,000 jobs of each
/// queue are checked, so that a long queue costs no more than a short one.
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
    // Planned again each time: a plan made while the table was small would read all of it, several
    // times per second, after it has grown by a hundred thousand deliveries.
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

    /// Number of rows read so far by sequential scans of the queue's table.
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
        // Often enough that PostgreSQL would keep the plan of a prepared statement.
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
