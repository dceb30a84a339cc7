//! The ledger, and the changes that a trigger recorded.

use std::time::Duration;

use anyhow::Result;
use sqlx::PgPool;

use crate::report::Verdict;

/// Violations: each statement returns what it finds.
const NEVER: [(&str, &str); 10] = [
    (
        "a run is not done",
        "select id || ' is ' || status from ostrakon.runs
         where status <> case when parked = 0 then 'succeeded' else 'incomplete' end",
    ),
    (
        "done and parked are not what was planned",
        "select format('%s: %s done, %s parked of %s', id, done, parked, plan ->> 'total')
         from ostrakon.runs where (plan ->> 'total')::bigint is distinct from done + parked
            or total is distinct from done + parked",
    ),
    (
        "parked items are not counted right",
        "select format('%s: %s', id, parked) from ostrakon.runs r
         where parked <> (select count(*) from ostrakon.parked_items p where p.run_id = r.id)",
    ),
    ("a lease outlived its run", "select id from ostrakon.runs where lease_expires_at is not null"),
    (
        "a worker whose claim was over wrote something",
        "select format('%s: %s wrote at fence %s', run_id, writer, fence_before)
         from chaos.changes
         where writer like 'ostrakon:%' and fence_before is not null
           and split_part(writer, ':', 3) <> fence_before::text",
    ),
    (
        "a batch was committed twice",
        "select format('%s at %s', run_id, cursor) from chaos.changes
         where writer like 'ostrakon:%' and cursor is not null
           and (cursor, done, parked) is distinct from (cursor_before, done_before, parked_before)
         group by run_id, cursor, done, parked having count(*) > 1",
    ),
    (
        "a run went back",
        "select run_id from chaos.changes where done < done_before or fence < fence_before",
    ),
    (
        "a status changed in a way that is not allowed",
        "select format('%s: %s to %s', run_id, status_before, status) from chaos.changes
         where status <> status_before
           and (status_before, status) not in (
               ('queued', 'running'), ('running', 'queued'), ('running', 'succeeded'),
               ('running', 'incomplete'), ('incomplete', 'queued'), ('running', 'failed'), ('running', 'paused'), ('queued', 'paused'),
               ('paused', 'queued'), ('running', 'cancelled'), ('queued', 'cancelled'),
               ('paused', 'cancelled'), ('failed', 'queued'), ('cancelled', 'queued'))",
    ),
    (
        "a fence rose other than by a claim",
        "select format('%s: %s to %s', run_id, fence_before, fence) from chaos.changes
         where fence <> fence_before and (fence <> fence_before + 1 or status <> 'running')",
    ),
    (
        "a batch was done after an operator had stopped its run",
        "select wish.run_id from ostrakon.run_events wish
         join lateral (
             select at from ostrakon.run_events
             where run_id = wish.run_id and id > wish.id
               and event in ('paused', 'cancelled', 'resume_requested', 'succeeded', 'incomplete')
             order by id limit 1) as obeyed on true
         join chaos.changes c on c.run_id = wish.run_id and c.at > wish.at and c.at < obeyed.at
           -- A plan is no batch.
           and c.cursor_before is not null
           and (c.cursor, c.done, c.parked)
               is distinct from (c.cursor_before, c.done_before, c.parked_before)
         where wish.event in ('pause_requested', 'cancel_requested')",
    ),
];

/// Maximum number of examples shown per kind of violation.
const REPORTED: usize = 3;

pub(super) async fn judge(db: &PgPool) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    for (what, statement) in NEVER {
        let found: Vec<String> = sqlx::query_scalar(statement).fetch_all(db).await?;
        if !found.is_empty() {
            let some: Vec<&str> = found.iter().take(REPORTED).map(String::as_str).collect();
            verdict.violations.push(format!("{what} ({} times): {}", found.len(), some.join("; ")));
        }
    }
    (verdict.runs, verdict.batches, verdict.takeovers) = sqlx::query_as(
        "select (select count(*) from ostrakon.runs),
                (select count(distinct (run_id, txid)) from chaos.changes
                 where writer like 'ostrakon:%' and (cursor, done, parked)
                       is distinct from (cursor_before, done_before, parked_before)),
                (select count(*) from ostrakon.run_events where event = 'taken_over')",
    )
    .fetch_one(db)
    .await?;
    let seconds: f64 = sqlx::query_scalar(
        "select coalesce(max(extract(epoch from at - lease_before)), 0)::float8 from chaos.changes
         where status_before = 'running' and fence > fence_before",
    )
    .fetch_one(db)
    .await?;
    verdict.longest_takeover = Duration::from_secs_f64(seconds.max(0.0));
    Ok(verdict)
}
