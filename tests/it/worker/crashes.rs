//! Workers die, or fall silent and come back.

use anyhow::{Context as _, Result, ensure};
use sqlx::PgPool;

use super::{
    process::{Worker, message},
    stage::{BATCH, Stage, eventually},
};

/// Ends the connections of batches, as PostgreSQL does in the end when their worker has died.
async fn end_batches(pool: &PgPool) -> Result<()> {
    eventually("no batch is left", async || {
        let statement = "select count(pg_terminate_backend(pid)) from pg_stat_activity
                         where datname = current_database() and application_name like 'ostrakon:%'";
        let ended: i64 = sqlx::query_scalar(statement).fetch_one(pool).await?;
        Ok((ended == 0).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn another_worker_goes_on_where_a_killed_one_stood() -> Result<()> {
    let stage = Stage::new().await?;
    let [early, late] = [stage.hold(12).await?, stage.hold(22).await?];
    let first = Worker::start(&stage.with_short_leases())?;
    let id = stage.queue_alice()?;
    stage.stuck().await?;
    first.kill()?;
    early.rollback().await?;
    let mut second = Worker::start(&stage.with_short_leases())?;
    let claimed = second.expect("Working on delete_activities alice")?;
    ensure!(claimed["run_id"] == id && claimed["fence"] == 2, "{claimed}");
    stage.stuck().await?;
    let run = stage.run(&id).await?;
    // The dead worker's batch is undone: at its end nobody was there to commit.
    ensure!((run.done, run.crashes) == (4 * BATCH, 0), "progress resets the count: {run:?}");
    late.rollback().await?;
    stage.is_like_the_twin(&id).await?;
    ensure!(stage.events(&id).await?.iter().filter(|event| *event == "taken_over").count() == 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_kills_its_workers_fails() -> Result<()> {
    let stage = Stage::new().await?;
    let held = stage.hold(1).await?;
    let ostrakon = stage.with_short_leases().with("OSTRAKON_WORKER_MAX_CRASHES", "2");
    let id = stage.queue_alice()?;
    for _ in 0..2 {
        let mut worker = Worker::start(&ostrakon)?;
        worker.expect("Working on delete_activities alice")?;
        stage.stuck().await?;
        worker.kill()?;
        end_batches(&stage.pool).await?;
    }
    let mut third = Worker::start(&ostrakon)?;
    let line = third.expect("delete_activities alice has failed")?;
    ensure!(line["level"] == "ERROR" && line["run_id"] == id, "{line}");
    let run = stage.run(&id).await?;
    ensure!((run.status.as_str(), run.done) == ("failed", 0), "{run:?}");
    let error = run.last_error.context("no error")?;
    ensure!(error.contains("2 workers in a row died"), "{error}");
    held.rollback().await?;
    stage.is_untouched().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_comes_back_writes_nothing_more() -> Result<()> {
    let stage = Stage::new().await?;
    let [early, late] = [stage.hold(12).await?, stage.hold(27).await?];
    let mut zombie = Worker::start(&stage.with_short_leases())?;
    let id = stage.queue_alice()?;
    stage.stuck().await?;
    zombie.signal("STOP")?;
    let mut second = Worker::start(&stage.with_short_leases())?;
    // The frozen worker's transaction is ended by PostgreSQL once it is idle for a lease.
    early.rollback().await?;
    second.expect("Working on delete_activities alice")?;
    stage.stuck().await?;
    zombie.signal("CONT")?;
    let line = zombie.expect("is no longer this worker's")?;
    ensure!(line["run_id"] == id && line["level"] == "WARN", "{line}");
    let run = stage.run(&id).await?;
    ensure!((run.status.as_str(), run.done) == ("running", 5 * BATCH), "{run:?}");
    late.rollback().await?;
    stage.is_like_the_twin(&id).await?;
    let log = zombie.stop()?;
    let ends = log.iter().filter(|line| message(line).starts_with("delete_activities alice is"));
    ensure!(ends.count() == 1, "{log:#?}");
    Ok(())
}
