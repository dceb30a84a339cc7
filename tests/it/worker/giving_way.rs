//! Where ostrakon and the server lock the same rows in another order, it is ostrakon that gives way.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Result, ensure};
use sqlx::{Executor as _, PgPool, PgTransaction};

use super::{
    history::{hold_also, looks_for_deadlocks_after, object_of},
    process::Worker,
    stage::Stage,
};

/// As the server has it from its first statement on, when somebody posts.
async fn begin_to_post(pool: &PgPool) -> Result<PgTransaction<'static>> {
    let mut post = pool.begin().await?;
    post.execute("update counter_cache set public = public where instance = 'peer.example'")
        .await?;
    Ok(post)
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_posts_is_not_ended_for_a_deadlock() -> Result<()> {
    let stage = Stage::new().await?;
    looks_for_deadlocks_after(&stage.pool, "4s").await?;
    let held = stage.hold(12).await?;
    let mut worker = Worker::start(&stage.ostrakon)?;
    let id = stage.queue_alice()?;
    stage.stuck().await?;
    let mut post = begin_to_post(&stage.pool).await?;
    post.execute("set local deadlock_timeout = '4s'").await?;
    // It waits for the batch, and looks for a deadlock long before the batch would.
    let answers = tokio::spawn(async move {
        hold_also(&mut post, 11).await?;
        post.commit().await.map_err(anyhow::Error::from)
    });
    worker_is_waited_for(&stage).await?;
    // The batch goes on, to the row of the host's counter.
    held.rollback().await?;
    answers.await??;
    worker.expect("A batch gave way to others")?;
    stage.is_like_the_twin(&id).await?;
    ensure!(stage.run(&id).await?.attempt == 0);
    ensure!(stage.events(&id).await? == ["queued", "started", "planned", "succeeded"]);
    Ok(())
}

/// Waits until somebody waits for a lock that a batch holds.
async fn worker_is_waited_for(stage: &Stage) -> Result<()> {
    super::eventually("somebody who waits for a batch", async || {
        let waits: bool = sqlx::query_scalar(
            "select exists (
                 select from pg_stat_activity waiting, unnest(pg_blocking_pids(waiting.pid)) as holder
                 join pg_stat_activity batch on batch.pid = holder
                 where waiting.datname = current_database()
                   and waiting.application_name not like 'ostrakon%'
                   and batch.application_name like 'ostrakon:%')",
        )
        .fetch_one(&stage.pool)
        .await?;
        Ok(waits.then_some(()))
    })
    .await
}

/// Clients who answer alice's posts while these are being deleted.
const CLIENTS: u32 = 4;

/// Answers alice's posts, one after the other and over and over, until told to stop: the host's
/// counter first, then the post. Returns how many were answered.
async fn answer(pool: PgPool, client: u32, stop: Arc<AtomicBool>) -> Result<u32> {
    let mut answered = 0;
    for post in (1..=30).cycle().skip(usize::try_from(client * 7)?) {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let mut tx = begin_to_post(&pool).await?;
        // As long as the server needs for the statements between the two.
        tx.execute("select pg_sleep(0.003)").await?;
        sqlx::query("update objects set updated_at = updated_at where id = $1")
            .bind(object_of(post).await?)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        answered += 1;
    }
    Ok(answered)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_gets_on_where_everybody_answers_what_it_deletes() -> Result<()> {
    let stage = Stage::new().await?;
    looks_for_deadlocks_after(&stage.pool, "300ms").await?;
    let settings = sqlx::postgres::PgPoolOptions::new().max_connections(CLIENTS + 1);
    let clients = settings.connect(stage.url()).await?;
    let stop = Arc::new(AtomicBool::new(false));
    let answering: Vec<_> =
        (0..CLIENTS).map(|n| tokio::spawn(answer(clients.clone(), n, Arc::clone(&stop)))).collect();
    let mut worker = Worker::start(&stage.with("OSTRAKON_BATCH_PERCENT_BUSY", "100"))?;
    let id = stage.queue_alice()?;
    worker.expect("A batch gave way to others")?;
    let run = stage.reaches(&id, "succeeded").await;
    stop.store(true, Ordering::Relaxed);
    let mut answered = 0;
    for client in answering {
        // A deadlock would have ended one of them.
        answered += client.await??;
    }
    let run = run?;
    ensure!(answered > 0 && (run.parked, run.attempt) == (0, 0), "{answered} answers, {run:?}");
    tokio::time::timeout(Duration::from_secs(30), stage.is_like_the_twin(&id)).await?
}
