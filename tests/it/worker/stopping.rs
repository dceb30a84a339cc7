//! A worker is told to stop.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::{
    process::{Worker, message},
    stage::{BATCH, Stage},
};

/// Much less than `lock_timeout` and `statement_timeout` of the tests.
const SOON: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_finishes_the_batch_and_gives_the_run_back() -> Result<()> {
    let stage = Stage::new().await?;
    let held = stage.hold(12).await?;
    let mut worker = Worker::start(&stage.ostrakon)?;
    let id = stage.queue_alice()?;
    stage.stuck().await?;
    worker.signal("TERM")?;
    worker.expect("Stopping")?;
    let started = Instant::now();
    held.rollback().await?;
    let (status, log) = worker.end()?;
    ensure!(status.code() == Some(0) && started.elapsed() < SOON, "{status}: {log:#?}");
    ensure!(log.iter().any(|line| message(line) == "The worker has stopped"), "{log:#?}");
    let run = stage.run(&id).await?;
    ensure!((run.status.as_str(), run.done) == ("queued", 3 * BATCH), "{run:?}");
    ensure!((run.attempt, run.crashes, &run.last_error) == (0, 0, &None), "{run:?}");
    ensure!(stage.events(&id).await?.last().is_some_and(|event| event == "interrupted"));
    let workers: i64 =
        sqlx::query_scalar("select count(*) from ostrakon.workers").fetch_one(&stage.pool).await?;
    ensure!(workers == 0, "the worker is still on the list");

    let _next = Worker::start(&stage.ostrakon)?;
    stage.is_like_the_twin(&id).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_worker_stops_at_once() -> Result<()> {
    let stage = Stage::new().await?;
    let mut worker = Worker::start(&stage.ostrakon)?;
    stage.workers(1).await?;
    worker.signal("INT")?;
    let started = Instant::now();
    worker.expect("The worker has stopped")?;
    let (status, log) = worker.end()?;
    ensure!(status.code() == Some(0) && started.elapsed() < SOON, "{log:#?}");
    Ok(())
}

/// Stops a worker that is stuck in a batch, by more than one request; the batch is undone.
async fn cut_off(stage: &Stage, mut worker: Worker, signals: usize, said: &str) -> Result<()> {
    let held = stage.hold(12).await?;
    let id = stage.queue_alice()?;
    stage.stuck().await?;
    let started = Instant::now();
    for number in 0..signals {
        worker.signal("TERM")?;
        if number == 0 {
            worker.expect("Stopping")?;
        }
    }
    let (status, log) = worker.end()?;
    ensure!(status.code() == Some(0) && started.elapsed() < SOON, "{status}: {log:#?}");
    ensure!(log.iter().any(|line| message(line).contains(said)), "{log:#?}");
    let run = stage.run(&id).await?;
    ensure!(run.done == 2 * BATCH && run.attempt == 0, "{run:?}");
    held.rollback().await?;
    let _next = Worker::start(&stage.ostrakon)?;
    stage.is_like_the_twin(&id).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_sigterm_ends_at_once() -> Result<()> {
    let stage = Stage::new().await?;
    let worker = Worker::start(&stage.with_short_leases())?;
    cut_off(&stage, worker, 2, "Stopped immediately").await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shutdown_timeout_ends_what_does_not_finish() -> Result<()> {
    let stage = Stage::new().await?;
    let worker = Worker::start(
        &stage.with_short_leases().with("OSTRAKON_WORKER_SHUTDOWN_TIMEOUT", "200ms"),
    )?;
    cut_off(&stage, worker, 1, "Stopped after the timeout").await
}
