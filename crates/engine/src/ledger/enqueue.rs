//! Requesting jobs, one or many in one go.

use std::collections::HashMap;

use serde_json::Value;
use sqlx::{PgConnection, types::Json};
use ulid::Ulid;

use super::{Run, unfinished_among};
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
    /// Reason, if there is one.
    pub reason: Option<&'a str>,
    /// Group that it belongs to, which the same transaction creates.
    pub group_id: Option<&'a str>,
    /// Whether it starts as paused, for a process that does it by itself when its turn comes.
    pub held: bool,
    /// Guards that the operator has overridden, for the history.
    pub overridden: Option<&'a Value>,
}

/// Outcome of a request.
#[derive(Debug)]
pub enum Enqueued {
    /// The run was written, with this ULID.
    New {
        /// ULID of the run.
        id: String,
    },
    /// This unfinished run has the same key, perhaps of another job; nothing was written.
    Already(Box<Run>),
}

/// Writes runs and their first events, except for those whose key an unfinished run has. Returns
/// what became of each, in the order given.
///
/// Within the caller's transaction, in which the caller also establishes what must hold from now
/// on. Two of `new` must not share a key; all must have the operator of the first, and
/// the same overridden guards.
pub async fn enqueue(db: &mut PgConnection, new: &[NewRun<'_>]) -> sqlx::Result<Vec<Enqueued>> {
    let mut outcomes: HashMap<String, Enqueued> = HashMap::new();
    // A run with the same key may end between the two statements: then the insert is repeated.
    loop {
        let left: Vec<&NewRun<'_>> =
            new.iter().filter(|run| !outcomes.contains_key(run.dedupe_key)).collect();
        if left.is_empty() {
            return Ok(new.iter().filter_map(|run| outcomes.remove(run.dedupe_key)).collect());
        }
        let written = insert(db, &left).await?;
        outcomes.extend(written.into_iter().map(|(key, id)| (key, Enqueued::New { id })));
        let taken = left.iter().map(|run| run.dedupe_key);
        let taken: Vec<String> =
            taken.filter(|key| !outcomes.contains_key(*key)).map(str::to_owned).collect();
        if !taken.is_empty() {
            let unfinished = unfinished_among(db, &taken).await?.into_iter();
            outcomes.extend(unfinished.map(|(key, run)| (key, Enqueued::Already(Box::new(run)))));
        }
    }
}

const fn first_status(run: &NewRun<'_>) -> Status {
    if run.held { Status::Paused } else { Status::Queued }
}

/// Writes runs and their first events. Returns the keys and ULIDs of those that were written.
async fn insert(db: &mut PgConnection, new: &[&NewRun<'_>]) -> sqlx::Result<Vec<(String, String)>> {
    let Some(first) = new.first() else { return Ok(Vec::new()) };
    let mut ids: Vec<String> = new.iter().map(|_| Ulid::generate().to_string()).collect();
    // Runs of a group are done in the order of their ids.
    ids.sort_unstable();
    let written: Vec<(String, String)> = sqlx::query_as(
        "insert into ostrakon.runs
           (id, job, class, payload, subject, dedupe_key, plan, total, reason, group_id, status,
            requested_by)
         select id, job, class, payload, subject, dedupe_key, plan, total, reason, group_id, status, $12
         from unnest($1::text[], $2::text[], $3::text[], $4::jsonb[], $5::text[], $6::text[],
                     $7::jsonb[], $8::bigint[], $9::text[], $10::text[], $11::text[])
              as new (id, job, class, payload, subject, dedupe_key, plan, total, reason, group_id,
                      status)
         on conflict (dedupe_key) where status in ('queued', 'running', 'paused') do nothing
         returning dedupe_key, id",
    )
    .bind(&ids)
    .bind(new.iter().map(|run| run.job).collect::<Vec<_>>())
    .bind(new.iter().map(|run| run.class.name()).collect::<Vec<_>>())
    .bind(new.iter().map(|run| &run.payload).collect::<Vec<_>>())
    .bind(new.iter().map(|run| run.subject).collect::<Vec<_>>())
    .bind(new.iter().map(|run| run.dedupe_key).collect::<Vec<_>>())
    .bind(new.iter().map(|run| Json(run.plan)).collect::<Vec<_>>())
    .bind(new.iter().map(|run| run.plan.total).collect::<Vec<_>>())
    .bind(new.iter().map(|run| run.reason).collect::<Vec<_>>())
    .bind(new.iter().map(|run| run.group_id).collect::<Vec<_>>())
    .bind(new.iter().map(|run| first_status(run).name()).collect::<Vec<_>>())
    .bind(first.requested_by)
    .fetch_all(&mut *db)
    .await?;
    sqlx::query(
        "insert into ostrakon.run_events (run_id, event, actor, detail)
         select id, 'queued', requested_by, jsonb_build_object('total', total, 'reason', reason)
                || case when $2::jsonb is null then '{}'
                        else jsonb_build_object('overridden', $2::jsonb) end
         from ostrakon.runs where id = any ($1) order by id",
    )
    .bind(written.iter().map(|(_, id)| id.as_str()).collect::<Vec<_>>())
    .bind(first.overridden)
    .execute(db)
    .await?;
    Ok(written)
}
