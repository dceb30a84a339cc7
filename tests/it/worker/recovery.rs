//! How long it takes until work goes on, with leases and intervals as they are by default.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::{process::Worker, stage::Stage};
use testkit::Ostrakon;

/// After a worker was killed.
const TAKE_OVER: Duration = Duration::from_secs(30);

/// After Redis came back empty.
const RING_AGAIN: Duration = Duration::from_mins(1);

/// The stage's program, in the settings named here as people have it.
fn by_default(stage: &Stage) -> Ostrakon {
    [
        ("OSTRAKON_WORKER_POLL_INTERVAL", "200ms"),
        ("OSTRAKON_WORKER_RECONCILE_INTERVAL", "3s"),
        ("OSTRAKON_WORKER_LEASE", "15s"),
        ("OSTRAKON_WORKER_LEASE_RENEWAL", "5s"),
    ]
    .iter()
    .fold(stage.ostrakon.clone(), |ostrakon, (name, value)| ostrakon.with(name, *value))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_workers_run_goes_on_within_half_a_minute() -> Result<()> {
    let stage = Stage::new().await?;
    let held = stage.hold(12).await?;
    let first = Worker::start(&by_default(&stage))?;
    let id = stage.queue_alice()?;
    stage.stuck().await?;
    let mut second = Worker::start(&by_default(&stage))?;
    let killed = Instant::now();
    first.kill()?;
    held.rollback().await?;
    let claimed = second.expect("Working on delete_activities alice")?;
    ensure!(killed.elapsed() < TAKE_OVER, "{:?}", killed.elapsed());
    ensure!(claimed["run_id"] == id && claimed["fence"] == 2, "{claimed}");
    stage.is_like_the_twin(&id).await?;
    ensure!(stage.run(&id).await?.attempt == 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_worked_on_within_a_minute_after_redis_was_emptied() -> Result<()> {
    let (stage, redis) = Stage::with_redis().await?;
    let held = stage.hold(12).await?;
    let mut worker = Worker::start(&by_default(&stage).with("OSTRAKON_WORKER_CONCURRENCY", "1"))?;
    let long = stage.queue_alice()?;
    stage.stuck().await?;
    // Its place is taken: it waits, announced in Redis only.
    let (behind, _) = stage.queue(&["user", "deactivate_all_from_instance", "far.example"])?;
    redis.command(&["FLUSHALL"])?;
    let emptied = Instant::now();
    held.rollback().await?;
    worker.expect_that("Working on", |line| line["run_id"] == behind)?;
    ensure!(emptied.elapsed() < RING_AGAIN, "{:?}", emptied.elapsed());
    for id in [&long, &behind] {
        let run = stage.reaches(id, "succeeded").await?;
        ensure!((run.attempt, run.crashes) == (0, 0), "{run:?}");
    }
    Ok(())
}
