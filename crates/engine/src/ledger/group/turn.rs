//! Whose turn it is: one run of a group at a time, and single runs before all of them.

use std::time::Duration;

use sqlx::PgConnection;

use crate::{Class, ledger::Run};

/// Whether a run of a group may be claimed: no other run of the group is being worked on, or is
/// being claimed at this moment. Holds until the transaction ends.
pub(in crate::ledger) async fn takes_turn(
    db: &mut PgConnection,
    group_id: &str,
    run_id: &str,
) -> sqlx::Result<bool> {
    let alone: bool =
        sqlx::query_scalar("select pg_try_advisory_xact_lock(hashtextextended($1, 0))")
            .bind(group_id)
            .fetch_one(&mut *db)
            .await?;
    if !alone {
        return Ok(false);
    }
    // A statement of its own: it sees the claim of the session that had the lock before.
    sqlx::query_scalar(
        "select not exists (
             select from ostrakon.runs
             where group_id = $1 and id <> $2 and status = 'running'
               and lease_expires_at >= clock_timestamp())",
    )
    .bind(group_id)
    .bind(run_id)
    .fetch_one(db)
    .await
}

/// Finds the run of a group that is to be done next, if any is due.
pub async fn next_of_group(
    db: &mut PgConnection,
    class: Class,
    group_id: &str,
) -> sqlx::Result<Option<Run>> {
    sqlx::query_as(
        "select * from ostrakon.runs
         where class = $1 and group_id = $2
           and (status = 'queued' and available_at <= clock_timestamp()
             or status = 'running' and lease_expires_at < clock_timestamp())
         order by available_at, id
         limit 1",
    )
    .bind(class.name())
    .bind(group_id)
    .fetch_optional(db)
    .await
}

/// Finds single runs that are due and that no worker holds, longest waiting first; or, with
/// `waited`, those that have been due for longer than that. A run that only checks whether the server
/// has got further is none of the latter: it checks again and again.
pub async fn single_runs_waiting(
    db: &mut PgConnection,
    class: Class,
    waited: Option<Duration>,
    limit: i64,
) -> sqlx::Result<Vec<Run>> {
    // A batch may take longer than its lease; it holds the row.
    sqlx::query_as(
        "select * from ostrakon.runs
         where class = $1 and group_id is null
           and (status = 'queued'
                  and available_at <= clock_timestamp() - make_interval(secs => coalesce($2, 0))
                  and ($2::float8 is null or waits_for is null)
             or status = 'running'
                  and lease_expires_at < clock_timestamp() - make_interval(secs => coalesce($2, 0)))
         order by available_at, id
         limit $3
         for update skip locked",
    )
    .bind(class.name())
    .bind(waited.map(|waited| waited.as_secs_f64()))
    .bind(limit)
    .fetch_all(db)
    .await
}
