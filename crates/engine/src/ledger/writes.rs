//! What batches wrote and a late write of another session may undo: to be rechecked.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use sqlx::{FromRow, PgConnection};

use super::{Claim, Lease, event::record};
use crate::Count;

/// What one batch wrote.
#[derive(Debug, FromRow)]
pub(crate) struct Writes {
    /// Number that rises with the batches of a run.
    pub(crate) n: i64,
    /// What the batch wrote, in the job's own format.
    pub(crate) what: Value,
}

/// Other sessions that are connected to the database.
#[derive(Debug, FromRow)]
pub(crate) struct Others {
    /// Whether there are any.
    pub(crate) connected: bool,
    /// Transactions that they are in.
    pub(crate) open: Vec<String>,
    /// Time of the query, by the database's clock.
    pub(crate) at: DateTime<Utc>,
}

/// Records what a batch wrote.
pub(crate) async fn note_writes(
    db: &mut PgConnection,
    claim: &Claim,
    what: &Value,
) -> sqlx::Result<()> {
    sqlx::query("insert into ostrakon.batch_writes (run_id, what) values ($1, $2)")
        .bind(&claim.run_id)
        .bind(what)
        .execute(db)
        .await?;
    Ok(())
}

/// Whether a run has written anything that is to be rechecked.
pub(crate) async fn has_writes(db: &mut PgConnection, claim: &Claim) -> sqlx::Result<bool> {
    sqlx::query_scalar("select exists (select from ostrakon.batch_writes where run_id = $1)")
        .bind(&claim.run_id)
        .fetch_one(db)
        .await
}

/// Reads what the batches after `after` wrote, at most `limit` of them.
pub(crate) async fn writes_after(
    db: &mut PgConnection,
    claim: &Claim,
    after: i64,
    limit: i64,
) -> sqlx::Result<Vec<Writes>> {
    sqlx::query_as(
        "select n, what from ostrakon.batch_writes where run_id = $1 and n > $2 order by n limit $3",
    )
    .bind(&claim.run_id)
    .bind(after)
    .bind(limit)
    .fetch_all(db)
    .await
}

/// Reads what was not rechecked since it was written, at most `limit` batches, and marks it as
/// rechecked.
pub(crate) async fn take_fresh_writes(
    db: &mut PgConnection,
    claim: &Claim,
    limit: i64,
) -> sqlx::Result<Vec<Writes>> {
    sqlx::query_as(
        "update ostrakon.batch_writes set rechecked = true
         where run_id = $1 and n = any (array(
             select n from ostrakon.batch_writes where run_id = $1 and not rechecked
             order by n limit $2))
         returning n, what",
    )
    .bind(&claim.run_id)
    .bind(limit)
    .fetch_all(db)
    .await
}

/// Records the progress of a run's end, and renews the lease.
pub(crate) async fn set_closing(
    db: &mut PgConnection,
    claim: &Claim,
    closing: &Value,
    lease: Lease,
) -> sqlx::Result<()> {
    sqlx::query(
        "update ostrakon.runs
         set closing = $2, attempt = 0, crashes = 0,
             lease_expires_at = clock_timestamp() + make_interval(secs => $3)
         where id = $1",
    )
    .bind(&claim.run_id)
    .bind(closing)
    .bind(lease.duration.as_secs_f64())
    .execute(db)
    .await?;
    Ok(())
}

/// Records how much was restored that other sessions had overwritten.
pub(crate) async fn record_set_right(
    db: &mut PgConnection,
    claim: &Claim,
    set_right: &[Count],
) -> sqlx::Result<()> {
    let detail: Map<String, Value> =
        set_right.iter().map(|count| (count.kind.clone(), count.items.into())).collect();
    record(db, &claim.run_id, "set_right", &claim.owner, &Value::Object(detail)).await
}

/// Deletes the records of what a run wrote.
pub(crate) async fn forget_writes(db: &mut PgConnection, claim: &Claim) -> sqlx::Result<()> {
    sqlx::query(
        "with counters as (delete from ostrakon.lowered_counters where run_id = $1)
         delete from ostrakon.batch_writes where run_id = $1",
    )
    .bind(&claim.run_id)
    .execute(db)
    .await?;
    Ok(())
}

/// Reads which other sessions are connected, and in a transaction. Every transaction holds a lock
/// on its own virtual id, even before it writes anything, and every role may see that.
pub(crate) async fn others(db: &mut PgConnection) -> sqlx::Result<Others> {
    sqlx::query_as(
        "with others as materialized (
             select pid from pg_stat_activity
             where datname = current_database() and usesysid is not null
               and application_name not like 'ostrakon%' and pid <> pg_backend_pid()
         )
         select exists (select from others) as connected, clock_timestamp() as at,
                array(select own.virtualtransaction from pg_locks own join others using (pid)
                      where own.locktype = 'virtualxid' and own.granted
                        and own.mode = 'ExclusiveLock') as open",
    )
    .fetch_one(db)
    .await
}
