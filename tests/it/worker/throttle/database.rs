//! Checks that look at what others do in the database.

use anyhow::{Result, ensure};
use sqlx::{Connection as _, Executor as _, PgConnection, postgres::PgQueryResult};
use tokio::task::JoinHandle;

use super::{eventually, is_throttled, is_under_way};
use crate::worker::{
    history::object_of,
    stage::{Stage, quick},
};

/// Connects beside the pool, as somebody else.
async fn somebody(stage: &Stage) -> Result<PgConnection> {
    Ok(PgConnection::connect(stage.url()).await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn others_who_wait_for_locks_of_a_batch() -> Result<()> {
    let stage = Stage::new().await?;
    let ostrakon = stage.with("OSTRAKON_THROTTLE_LOCK_WAITERS", "1");
    let wait = async || {
        // The batch has locked the posts before the one that it waits for.
        let mut waiting = Vec::new();
        for _ in 0..2 {
            let mut other = somebody(&stage).await?;
            let object = object_of(11).await?;
            waiting.push(tokio::spawn(async move {
                sqlx::query("select 1 from objects where id = $1 for update /* waits */")
                    .bind(object)
                    .execute(&mut other)
                    .await
            }));
        }
        is_under_way(&stage.pool, 2, "%/* waits */").await?;
        Ok(waiting)
    };
    // The end of the batch is the end of their waiting.
    let end = async |waiting: Vec<JoinHandle<sqlx::Result<PgQueryResult>>>| {
        for waited in waiting {
            waited.await??;
        }
        Ok(())
    };
    is_throttled(&ostrakon, &stage.pool, "lock_waiters", wait, end).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_servers_own_queue_that_is_behind() -> Result<()> {
    let stage = Stage::new().await?;
    let ostrakon = stage.with("OSTRAKON_THROTTLE_QUEUE_DELAY", "1m");
    let fall_behind = async || {
        let jobs = "
            insert into oban_jobs (queue, worker, args, state, scheduled_at, attempted_at) values
            ('federator_incoming', 'W', '{}', 'executing', timezone('UTC', now()), timezone('UTC', now())),
            ('federator_incoming', 'W', '{}', 'available', timezone('UTC', now()) - interval '90 s', null)
            returning id";
        Ok(sqlx::query_scalar::<_, i64>(jobs).fetch_all(&stage.pool).await?)
    };
    let catch_up = async |jobs: Vec<i64>| {
        let done = "delete from oban_jobs where id = any ($1)";
        sqlx::query(done).bind(jobs).execute(&stage.pool).await?;
        Ok(())
    };
    is_throttled(&ostrakon, &stage.pool, "queue_delay", fall_behind, catch_up).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_nobody_works_on_is_no_sign_of_a_busy_server() -> Result<()> {
    let stage = Stage::new().await?;
    // A server that is down: one job was cut off, others wait.
    sqlx::raw_sql(
        "insert into oban_jobs (queue, worker, args, state, scheduled_at, attempted_at)
         select 'background', 'W', '{}', state::oban_job_state, at, at
         from (values ('executing', timezone('UTC', now()) - interval '1 day'),
                      ('available', timezone('UTC', now()) - interval '1 day')) as job (state, at)",
    )
    .execute(&stage.pool)
    .await?;
    let done = stage.ostrakon.run(&["user", "delete_activities", "alice", "--inline", "--yes"])?;
    ensure!(done.code == 0 && !done.stderr.contains("throttled"), "{done:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_are_busy() -> Result<()> {
    let stage = Stage::new().await?;
    let ostrakon = quick(stage.owner(), testkit::redis()?.url())
        .with("OSTRAKON_REDIS_PREFIX", stage.prefix.clone())
        .with("OSTRAKON_THROTTLE_ACTIVE_BACKENDS", "2");
    let crowd = async || {
        for _ in 0..3 {
            let mut other = somebody(&stage).await?;
            tokio::spawn(async move { other.execute("select pg_sleep(600) /* busy */").await });
        }
        is_under_way(&stage.pool, 3, "%/* busy */").await
    };
    let leave = async |()| {
        let cancel = "select pg_terminate_backend(pid) from pg_stat_activity
                      where datname = current_database() and query like '%/* busy */'
                        and pid <> pg_backend_pid()";
        sqlx::query(cancel).execute(&stage.pool).await?;
        Ok(())
    };
    is_throttled(&ostrakon, &stage.pool, "active_backends", crowd, leave).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_the_run_that_is_being_vacuumed() -> Result<()> {
    let stage = Stage::new().await?;
    let ostrakon = quick(stage.owner(), testkit::redis()?.url())
        .with("OSTRAKON_REDIS_PREFIX", stage.prefix.clone())
        .with("OSTRAKON_THROTTLE_VACUUM", "true");
    let vacuum = async || {
        // A page that somebody looks at cannot be frozen: the vacuum waits for it.
        let mut reader = somebody(&stage).await?;
        let look = "begin; declare page cursor for select 1 from counter_cache; fetch page";
        sqlx::raw_sql(look).execute(&mut reader).await?;
        let mut other = somebody(&stage).await?;
        tokio::spawn(async move { other.execute("vacuum (freeze) counter_cache").await });
        eventually("a vacuum that waits", async || {
            let waiting = "select count(*) from pg_stat_activity
                           where datname = current_database() and wait_event = 'BufferPin'";
            let waiting: i64 = sqlx::query_scalar(waiting).fetch_one(&stage.pool).await?;
            Ok((waiting > 0).then_some(()))
        })
        .await?;
        Ok(reader)
    };
    let end = async |reader: PgConnection| Ok(reader.close().await?);
    is_throttled(&ostrakon, &stage.pool, "vacuum", vacuum, end).await
}
