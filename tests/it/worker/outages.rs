//! Redis goes away, comes back, or comes back empty.

use anyhow::{Result, ensure};

use super::{
    history::DELETE_ALICE,
    process::{Worker, message},
    stage::Stage,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_on_without_redis() -> Result<()> {
    let (stage, mut redis) = Stage::with_redis().await?;
    let held = stage.hold(12).await?;
    let mut worker = Worker::start(&stage.ostrakon)?;
    let id = stage.queue_alice()?;
    stage.stuck().await?;
    redis.kill()?;
    worker.expect("no jobs are fetched from this queue now")?;
    held.rollback().await?;
    stage.is_like_the_twin(&id).await?;
    redis.restart()?;
    worker.expect("jobs are fetched from this queue again")?;
    let (next, _) = stage.queue(&["user", "deactivate", "carl@far.example"])?;
    stage.reaches(&next, "succeeded").await?;
    // The message of the first run is delivered again, and is not done again.
    ensure!(stage.events(&id).await? == ["queued", "started", "planned", "succeeded"]);
    let log = worker.stop()?;
    let reported = |text: &str| log.iter().filter(|line| message(line).contains(text)).count();
    // Once by each of the two queues and once by the reconciler, however long it took.
    ensure!(reported("no jobs are fetched from this queue now") == 2, "{log:#?}");
    ensure!(reported("Workers cannot be notified of due runs for now") <= 1, "{log:#?}");
    let foreign = |line: &&serde_json::Value| {
        line["target"].as_str().is_some_and(|target| target.starts_with("apalis"))
    };
    ensure!(!log.iter().any(|line| foreign(&line)), "{log:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_redis_loses_no_run() -> Result<()> {
    let (stage, redis) = Stage::with_redis().await?;
    let id = stage.queue_alice()?;
    redis.command(&["FLUSHALL"])?;
    let _worker = Worker::start(&stage.ostrakon)?;
    stage.is_like_the_twin(&id).await
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_may_come_after_the_run_and_after_the_worker() -> Result<()> {
    let (stage, mut redis) = Stage::with_redis().await?;
    redis.kill()?;
    let (id, said) = stage.queue(&DELETE_ALICE)?;
    ensure!(said.stderr.contains("a worker will pick it up when Redis is back"), "{said:?}");
    let refused =
        stage.ostrakon.run(&["user", "deactivate", "carl@far.example", "--require-redis"])?;
    ensure!(refused.code == 8, "{refused:?}");
    let mut worker = Worker::start(&stage.ostrakon)?;
    let line = worker.expect("no jobs are fetched from this queue now")?;
    let error = line["error"].as_str().unwrap_or_default();
    ensure!(error.contains("not reachable") && error.contains("127.0.0.1"), "{line}");
    redis.restart()?;
    worker.expect("jobs are fetched from this queue again")?;
    stage.is_like_the_twin(&id).await
}
