//! A server without Redis: PostgreSQL notifies the workers.

use anyhow::{Result, ensure};

use super::{
    process::Worker,
    stage::{Stage, eventually},
};
use testkit::Ostrakon;

/// The program without a Redis, whatever the machine's environment says.
fn without_redis(stage: &Stage) -> Ostrakon {
    stage.with("OSTRAKON_QUEUE_BACKEND", "postgres").with("OSTRAKON_REDIS_URL", NOWHERE)
}

/// A Redis that does not exist: whoever connects to it fails.
const NOWHERE: &str = "redis://127.0.0.1:1/0";

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_is_notified_of_a_run_by_postgresql() -> Result<()> {
    let mut stage = Stage::new().await?;
    // The reconciler alone would take longer than the test allows.
    stage.ostrakon = without_redis(&stage).with("OSTRAKON_WORKER_RECONCILE_INTERVAL", "10min");
    let worker = Worker::start(&stage.ostrakon)?;
    eventually("two sessions that listen", async || {
        let listening: i64 = sqlx::query_scalar(
            "select count(*) from pg_stat_activity
             where datname = current_database() and query ilike 'listen %ostrakon%'",
        )
        .fetch_one(&stage.pool)
        .await?;
        Ok((listening == 2).then_some(()))
    })
    .await?;
    let id = stage.queue_alice()?;
    stage.is_like_the_twin(&id).await?;
    let (short, said) = stage.queue(&["user", "deactivate", "carl@far.example"])?;
    ensure!(!said.stderr.contains("Redis"), "{said:?}");
    stage.reaches(&short, "succeeded").await?;
    drop(worker);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_queued_without_a_worker_are_found_when_one_starts() -> Result<()> {
    let mut stage = Stage::new().await?;
    stage.ostrakon = without_redis(&stage).with("OSTRAKON_WORKER_RECONCILE_INTERVAL", "10min");
    let id = stage.queue_alice()?;
    let _worker = Worker::start(&stage.ostrakon)?;
    stage.is_like_the_twin(&id).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_killed_is_succeeded_by_another() -> Result<()> {
    let mut stage = Stage::new().await?;
    stage.ostrakon = without_redis(&stage);
    stage.ostrakon = stage.with_short_leases();
    let first = Worker::start(&stage.ostrakon)?;
    let held = stage.hold(7).await?;
    let id = stage.queue_alice()?;
    stage.stuck().await?;
    first.kill()?;
    held.rollback().await?;
    let _second = Worker::start(&stage.ostrakon)?;
    stage.is_like_the_twin(&id).await
}

#[test]
fn a_backend_that_is_not_configured_is_refused_before_anything_is_done() -> Result<()> {
    let ostrakon = Ostrakon::nowhere().with("OSTRAKON_QUEUE_BACKEND", "redis");
    let done = ostrakon.run(&["runs", "list"])?;
    ensure!(done.code == 2, "{done:?}");
    ensure!(done.stderr.contains("queue.backend") && done.stderr.contains("redis.url"), "{done:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_cannot_be_required_where_postgresql_notifies() -> Result<()> {
    let stage = Stage::new().await?;
    let arguments = ["user", "delete_activities", "alice", "--yes", "--queue", "--require-redis"];
    let done = without_redis(&stage).run(&arguments)?;
    ensure!(done.code == 2, "{done:?}");
    ensure!(done.stderr.contains("nothing was queued"), "{done:?}");
    let runs: i64 =
        sqlx::query_scalar("select count(*) from ostrakon.runs").fetch_one(&stage.pool).await?;
    ensure!(runs == 0, "{runs} runs");
    Ok(())
}
