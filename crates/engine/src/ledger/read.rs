//! Reading the ledger.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgConnection};

use super::run::Run;
use crate::{Status, transaction::milliseconds};

/// Filter for a list of runs.
#[derive(Debug, Default)]
pub struct RunFilter {
    /// Only runs with this status.
    pub status: Option<Status>,
    /// Only runs of this job.
    pub job: Option<String>,
    /// Only runs that belong to no group.
    pub single: bool,
    /// Maximum number of runs, newest first.
    pub limit: i64,
}

/// A parked item.
#[derive(Debug, Clone, FromRow)]
pub struct Parked {
    /// Name of the item.
    pub item: String,
    /// Reason why it could not be done.
    pub reason: String,
    /// SQLSTATE of the failure, if PostgreSQL reported one.
    pub sqlstate: Option<String>,
    /// Time of the latest try, by the database's clock.
    pub at: DateTime<Utc>,
}

/// Reads one run.
pub async fn find(db: &mut PgConnection, id: &str) -> sqlx::Result<Option<Run>> {
    sqlx::query_as("select * from ostrakon.runs where id = $1").bind(id).fetch_optional(db).await
}

/// Finds the unfinished runs with one of these dedupe keys; returns each with its key.
pub async fn unfinished_among(
    db: &mut PgConnection,
    dedupe_keys: &[String],
) -> sqlx::Result<Vec<(String, Run)>> {
    let rows: Vec<Keyed> = sqlx::query_as(
        "select * from ostrakon.runs
         where dedupe_key = any ($1) and status in ('queued', 'running', 'paused')",
    )
    .bind(dedupe_keys)
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.dedupe_key, row.run)).collect())
}

/// A run with its dedupe key.
#[derive(FromRow)]
struct Keyed {
    dedupe_key: String,
    #[sqlx(flatten)]
    run: Run,
}

/// Reads runs, in the order of their requests.
pub async fn find_all(db: &mut PgConnection, ids: &[String]) -> sqlx::Result<Vec<Run>> {
    sqlx::query_as("select * from ostrakon.runs where id = any ($1) order by created_at, id")
        .bind(ids)
        .fetch_all(db)
        .await
}

/// Lists runs, newest first.
pub async fn list(db: &mut PgConnection, filter: &RunFilter) -> sqlx::Result<Vec<Run>> {
    sqlx::query_as(
        "select * from ostrakon.runs
         where ($1::text is null or status = $1) and ($2::text is null or job = $2)
           and not ($4 and group_id is not null)
         order by id desc limit $3",
    )
    .bind(filter.status.map(Status::name))
    .bind(filter.job.as_deref())
    .bind(filter.limit)
    .bind(filter.single)
    .fetch_all(db)
    .await
}

/// Lists the parked items of a run.
pub async fn parked_items(db: &mut PgConnection, run_id: &str) -> sqlx::Result<Vec<Parked>> {
    sqlx::query_as(
        "select item, reason, sqlstate, at from ostrakon.parked_items where run_id = $1 order by at, item",
    )
    .bind(run_id)
    .fetch_all(db)
    .await
}

/// Finds due runs of a class that no worker holds, unless workers were notified of them less than
/// `timeout` ago. At most `limit` single runs, longest waiting first, and then the first run of each
/// group of which none is being worked on.
pub async fn due(
    db: &mut PgConnection,
    class: &str,
    timeout: Duration,
    limit: i64,
) -> sqlx::Result<Vec<Run>> {
    sqlx::query_as(DUE)
        .bind(class)
        .bind(Some(timeout.as_secs_f64()))
        .bind(limit)
        .fetch_all(db)
        .await
}

/// Lists the ids of the runs that [`due`] finds, whether or not workers were notified of them.
pub async fn due_ids(db: &mut PgConnection, class: &str, limit: i64) -> sqlx::Result<Vec<String>> {
    let runs: Vec<Due> =
        sqlx::query_as(DUE).bind(class).bind(None::<f64>).bind(limit).fetch_all(db).await?;
    Ok(runs.into_iter().map(|Due { id }| id).collect())
}

const DUE: &str = include_str!("due.sql");

/// A due run, of which only the id is read.
#[derive(FromRow)]
struct Due {
    id: String,
}

/// Tries to take an exclusive lock until the transaction ends. PostgreSQL ends it after `silence`
/// between two statements: a process that is cut off must not keep others out.
pub async fn try_exclusive(
    db: &mut PgConnection,
    key: i64,
    silence: Duration,
) -> sqlx::Result<bool> {
    let (alone, _): (bool, String) = sqlx::query_as(
        "select pg_try_advisory_xact_lock($1),
                set_config('idle_in_transaction_session_timeout', $2, true)",
    )
    .bind(key)
    .bind(milliseconds(silence))
    .fetch_one(db)
    .await?;
    Ok(alone)
}

/// Records that workers were notified of runs.
pub async fn mark_notified(db: &mut PgConnection, ids: &[String]) -> sqlx::Result<()> {
    sqlx::query("update ostrakon.runs set notified_at = clock_timestamp() where id = any($1)")
        .bind(ids)
        .execute(db)
        .await?;
    Ok(())
}
