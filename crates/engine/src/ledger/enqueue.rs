//! Requesting jobs, one or many in one go.

use std::collections::HashMap;

use serde_json::Value;
use sqlx::{PgConnection, types::Json};
use ulid::Ulid;

use super::{Run, unfinished_among};
use crate::{Class, PlanSummary};

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
/// on. Two of `new` must not share a key; all must have the operator and the reason of the first.
pub async fn enqueue(db: &mut PgConnection, new: &[NewRun<'_>]) -> sqlx::Result<Vec<Enqueued>> {
    let mut outcomes: Vec<Option<Enqueued>> = new.iter().map(|_| None).collect();
    // A run with the same key may end between the two statements: then the insert is repeated.
    loop {
        let left: Vec<&NewRun<'_>> = new
            .iter()
            .zip(&outcomes)
            .filter_map(|(run, outcome)| outcome.is_none().then_some(run))
            .collect();
        if left.is_empty() {
            return Ok(outcomes.into_iter().flatten().collect());
        }
        let mut ids = insert(db, &left).await?;
        let keys: Vec<String> = left
            .iter()
            .filter(|run| !ids.contains_key(run.dedupe_key))
            .map(|run| run.dedupe_key.to_owned())
            .collect();
        let mut unfinished: HashMap<String, Run> = match keys.as_slice() {
            [] => HashMap::new(),
            keys => unfinished_among(db, keys).await?.into_iter().collect(),
        };
        for (run, outcome) in new.iter().zip(&mut outcomes).filter(|(_, outcome)| outcome.is_none())
        {
            *outcome = match ids.remove(run.dedupe_key) {
                Some(id) => Some(Enqueued::New { id }),
                None => unfinished
                    .remove(run.dedupe_key)
                    .map(|unfinished| Enqueued::Already(Box::new(unfinished))),
            };
        }
    }
}

/// Writes runs and their first events. Returns the ULIDs of those that were written, by key.
async fn insert(
    db: &mut PgConnection,
    new: &[&NewRun<'_>],
) -> sqlx::Result<HashMap<String, String>> {
    let Some(first) = new.first() else { return Ok(HashMap::new()) };
    let ids: Vec<String> = new.iter().map(|_| Ulid::generate().to_string()).collect();
    let written: Vec<(String, String)> = sqlx::query_as(
        "insert into ostrakon.runs
           (id, job, class, payload, subject, dedupe_key, plan, total, requested_by, reason)
         select new.*, $9, $10
         from unnest($1::text[], $2::text[], $3::text[], $4::jsonb[], $5::text[], $6::text[],
                     $7::jsonb[], $8::bigint[]) as new
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
    .bind(first.requested_by)
    .bind(first.reason)
    .fetch_all(&mut *db)
    .await?;
    sqlx::query(
        "insert into ostrakon.run_events (run_id, event, actor, detail)
         select id, 'queued', requested_by, jsonb_build_object('total', total, 'reason', reason)
         from ostrakon.runs where id = any ($1) order by id",
    )
    .bind(written.iter().map(|(_, id)| id.as_str()).collect::<Vec<_>>())
    .execute(db)
    .await?;
    Ok(written.into_iter().collect())
}
