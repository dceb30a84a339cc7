//! Requesting many jobs in one go.

use std::collections::HashSet;

use sqlx::{PgConnection, types::Json};
use ulid::Ulid;

use super::NewRun;

/// Writes runs and their first events in two statements, except for runs whose key an unfinished
/// run has. Returns the ULID of each run, in the order given; `None` for those left out.
///
/// Within the caller's transaction. Two of `new` must not share a key; all must have the operator
/// and the reason of the first.
pub async fn enqueue_all(
    db: &mut PgConnection,
    new: &[NewRun<'_>],
) -> sqlx::Result<Vec<Option<String>>> {
    let Some(first) = new.first() else { return Ok(Vec::new()) };
    let ids: Vec<String> = new.iter().map(|_| Ulid::generate().to_string()).collect();
    let written: Vec<String> = sqlx::query_scalar(
        "insert into ostrakon.runs
           (id, job, class, payload, subject, dedupe_key, plan, total, requested_by, reason)
         select new.*, $9, $10
         from unnest($1::text[], $2::text[], $3::text[], $4::jsonb[], $5::text[], $6::text[],
                     $7::jsonb[], $8::bigint[]) as new
         on conflict (dedupe_key) where status in ('queued', 'running', 'paused') do nothing
         returning id",
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
    .bind(&written)
    .execute(db)
    .await?;
    let written: HashSet<String> = written.into_iter().collect();
    Ok(ids.into_iter().map(|id| Some(id).filter(|id| written.contains(id))).collect())
}
