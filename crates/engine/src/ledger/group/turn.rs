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
    // A statement of its own: it sees the claim of whoever had the lock before.
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

/// Finds single runs that have been due for longer than `waited` and that no worker holds, longest
/// waiting first.
pub async fn single_runs_waiting(
    db: &mut PgConnection,
    class: Class,
    waited: Duration,
    limit: i64,
) -> sqlx::Result<Vec<Run>> {
    sqlx::query_as(
        "select * from ostrakon.runs
         where class = $1 and group_id is null and status = 'queued'
           and available_at <= clock_timestamp() - make_interval(secs => $2)
         order by available_at, id
         limit $3",
    )
    .bind(class.name())
    .bind(waited.as_secs_f64())
    .bind(limit)
    .fetch_all(db)
    .await
}
