//! PostgreSQL faults: crashes, cut connections, locks, exhausted resources.

use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;

use super::{DEADLINE, eventually};
use crate::environment::ROLE;
use crate::report::Count;
use crate::round::Round;

/// Duration of a temporary fault.
const TROUBLE: Duration = Duration::from_secs(2);

/// Time limit for a run to reach a point where a fault can hit it.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Stops PostgreSQL like a crash, and restarts it.
pub(super) async fn stop(round: &Round<'_>) -> Result<Option<bool>> {
    let mut postgres = round.environment.postgres.lock().await;
    let hit = round.is_at_work().await?;
    postgres.stop_immediate()?;
    postgres.restart()?;
    drop(postgres);
    round.is_reachable().await?;
    Ok(Some(hit))
}

/// Ends some of ostrakon's connections, whatever their purpose.
pub(super) async fn terminate(round: &Round<'_>, random: u64) -> Result<Option<bool>> {
    let _server = round.environment.postgres.lock().await;
    let at_work = round.is_at_work().await?;
    let ended: Vec<String> = sqlx::query_scalar(
        "with ours as materialized (
             select pid, application_name from pg_stat_activity
             where usename = $1 and datname = current_database()
             order by application_name like 'ostrakon:%' desc, hashint8(pid + $2) limit 6)
         select application_name from ours where pg_terminate_backend(pid)",
    )
    .bind(ROLE)
    .bind(i64::try_from(random % 1_000_000).unwrap_or(0))
    .fetch_all(round.db())
    .await?;
    let made = i64::try_from(ended.len()).unwrap_or(0);
    let hit = if at_work { made } else { 0 };
    let mut tally = round.tally();
    let Count { made: all, hit: hits } = &mut tally.backends;
    *all += made;
    *hits += hit;
    Ok(Some(ended.iter().any(|name| name.starts_with("ostrakon:"))))
}

/// Locks the row of a post that a batch will soon lock. Returns the transaction once a batch waits
/// for it.
async fn block_a_batch(
    round: &Round<'_>,
) -> Result<Option<(sqlx::PgTransaction<'static>, String)>> {
    let mut held = round.db().begin().await?;
    let (own,): (i32,) = sqlx::query_as("select pg_backend_pid()").fetch_one(&mut *held).await?;
    // Later posts of the accounts that are worked on: a batch gets there eventually.
    sqlx::query(
        "select o.id from public.objects o
         where o.data ->> 'id' in (
             select (select a.data ->> 'object' from public.activities a
                     where a.actor = run.payload ->> 'actor' and a.data ->> 'type' = 'Create'
                       and a.id > coalesce((run.cursor ->> 'after')::uuid, a.id)
                     order by a.id offset 4 limit 1)
             from ostrakon.runs run
             where run.status = 'running' and run.job = 'delete_activities')
         order by o.id for update skip locked",
    )
    .execute(&mut *held)
    .await?;
    let waits = eventually("a batch that waits", TIMEOUT, async || {
        let waiting: Option<String> = sqlx::query_scalar(
            "select application_name from pg_stat_activity
             where application_name like 'ostrakon:%' and $1 = any (pg_blocking_pids(pid)) limit 1",
        )
        .bind(own)
        .fetch_optional(round.db())
        .await?;
        Ok(waiting)
    });
    let Ok(waiting) = waits.await else {
        held.rollback().await?;
        return Ok(None);
    };
    Ok(Some((held, waiting)))
}

/// Waits for a lock that a batch holds while the batch waits for this transaction. The batch has to
/// give way before PostgreSQL checks for a deadlock, which could end a session that is not
/// ostrakon's.
pub(super) async fn deadlock(round: &Round<'_>) -> Result<Option<bool>> {
    let _server = round.environment.postgres.lock().await;
    let Some((mut held, _)) = block_a_batch(round).await? else { return Ok(Some(false)) };
    // Batches hold the rows of their runs.
    let wanted = sqlx::query(
        "select id from ostrakon.runs where status = 'running' and job = 'delete_activities'
         order by id for update",
    );
    wanted.execute(&mut *held).await?;
    held.rollback().await?;
    Ok(Some(true))
}

/// Holds a row for longer than a batch waits for it.
pub(super) async fn hold_row(round: &Round<'_>) -> Result<Option<bool>> {
    let _server = round.environment.postgres.lock().await;
    let Some((held, waiting)) = block_a_batch(round).await? else { return Ok(Some(false)) };
    let gave_up = eventually("a batch that gives up", DEADLINE, async || {
        let waits: bool = sqlx::query_scalar(
            "select exists (select from pg_stat_activity
                            where application_name = $1 and wait_event_type = 'Lock')",
        )
        .bind(&waiting)
        .fetch_one(round.db())
        .await?;
        Ok((!waits).then_some(()))
    });
    let hit = gave_up.await.is_ok();
    held.rollback().await?;
    Ok(Some(hit))
}

/// Simulates a full disk, or statements that never end, for a while.
pub(super) async fn spoil_batches(round: &Round<'_>, mood: &str) -> Result<Option<bool>> {
    let _server = round.environment.postgres.lock().await;
    let before = injections(round).await?;
    set_mood(round, mood).await?;
    let struck = eventually("a batch that is hit", TIMEOUT, async || {
        Ok((injections(round).await? > before).then_some(()))
    });
    let hit = struck.await.is_ok();
    // Longer than the statement time-out.
    sleep(if mood == "stuck" { TROUBLE * 2 + TROUBLE / 2 } else { TROUBLE }).await;
    set_mood(round, "fair").await?;
    Ok(Some(hit))
}

async fn injections(round: &Round<'_>) -> Result<i64> {
    let statement = "select case when is_called then last_value else 0 end from chaos.injections";
    Ok(sqlx::query_scalar(statement).fetch_one(round.db()).await?)
}

async fn set_mood(round: &Round<'_>, mood: &str) -> Result<()> {
    sqlx::query("update chaos.conditions set mood = $1").bind(mood).execute(round.db()).await?;
    Ok(())
}

/// Limits the workers' role to two connections, and ends its existing ones.
pub(super) async fn use_up_connections(round: &Round<'_>) -> Result<Option<bool>> {
    let _server = round.environment.postgres.lock().await;
    let hit = round.is_at_work().await?;
    sqlx::raw_sql(
        "alter role ostrakon connection limit 2;
         select pg_terminate_backend(pid) from pg_stat_activity where usename = 'ostrakon'",
    )
    .execute(round.db())
    .await?;
    sleep(TROUBLE).await;
    sqlx::raw_sql("alter role ostrakon connection limit -1").execute(round.db()).await?;
    Ok(Some(hit))
}
