//! How fast a run goes: rests between batches, and an operator who wants it faster or slower.

use anyhow::{Result, ensure};
use serde_json::Value;
use sqlx::PgTransaction;

use super::{
    history::TOTAL,
    process::Worker,
    stage::{BATCH, Stage, eventually},
};
use testkit::Ostrakon;

/// Waits for the first batch, and pauses the run while it rests.
async fn rests_after_one_batch(stage: &Stage, id: &str) -> Result<()> {
    eventually("the first batch", async || Ok((stage.run(id).await?.done > 0).then_some(())))
        .await?;
    ensure!(stage.ostrakon.run(&["runs", "pause", id])?.code == 0);
    let run = stage.reaches(id, "paused").await?;
    ensure!(run.done == BATCH, "{run:?}");
    Ok(())
}

/// A transaction of the server that takes its time, and is in nobody's way.
async fn somebody_at_work(stage: &Stage) -> Result<PgTransaction<'static>> {
    let mut somebody = stage.pool.begin().await?;
    sqlx::query("select 1").execute(&mut *somebody).await?;
    Ok(somebody)
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_are_small_while_others_are_at_work() -> Result<()> {
    let stage = Stage::new().await?;
    // Whoever holds a row is at work: nothing else is needed.
    let held = stage.hold(7).await?;
    let ostrakon = stage
        .with("OSTRAKON_BATCH_ROWS_INITIAL", "100")
        .with("OSTRAKON_BATCH_ROWS_MAX", "100")
        .with("OSTRAKON_BATCH_ROWS_BUSY", "3");
    let _worker = Worker::start(&ostrakon)?;
    let id = stage.queue_alice()?;
    stage.stuck().await?;
    let run = stage.run(&id).await?;
    ensure!(run.done == 6, "two batches of three before the one that waits: {run:?}");
    held.rollback().await?;
    stage.is_like_the_twin(&id).await
}

fn speed(ostrakon: &Ostrakon, id: &str, factor: &str) -> Result<String> {
    let done = ostrakon.run(&["runs", "speed", id, factor])?;
    ensure!(done.code == 0, "{done:?}");
    Ok(done.stdout)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_rests_after_each_batch_while_others_are_busy() -> Result<()> {
    let stage = Stage::new().await?;
    let somebody = somebody_at_work(&stage).await?;
    let _worker = Worker::start(&stage.with("OSTRAKON_BATCH_PERCENT_BUSY", "1"))?;
    let id = stage.queue_alice()?;
    rests_after_one_batch(&stage, &id).await?;
    somebody.rollback().await?;
    ensure!(stage.ostrakon.run(&["runs", "resume", &id])?.code == 0);
    stage.is_like_the_twin(&id).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_slows_a_run_down_and_speeds_it_up_while_it_rests() -> Result<()> {
    let stage = Stage::new().await?;
    let id = stage.queue_alice()?;
    speed(&stage.ostrakon, &id, "0.01")?;
    let _worker = Worker::start(&stage.ostrakon)?;
    rests_after_one_batch(&stage, &id).await?;
    ensure!(stage.ostrakon.run(&["runs", "resume", &id])?.code == 0);
    eventually("the next batch", async || Ok((stage.run(&id).await?.done > BATCH).then_some(())))
        .await?;
    let said = speed(&stage.ostrakon, &id, "1")?;
    ensure!(said.contains("continues at 1 times the speed of the settings"), "{said}");
    stage.is_like_the_twin(&id).await?;
    let reported = stage.ostrakon.run(&["runs", "show", &id])?;
    ensure!(
        reported.stdout.contains("speed by ") && reported.stdout.contains("(factor 0.01)"),
        "{reported:?}"
    );
    let refused = stage.ostrakon.run(&["runs", "speed", &id, "2"])?;
    ensure!(refused.code == 4, "{refused:?}");
    ensure!(refused.stderr.contains("has succeeded: it cannot be made faster"), "{refused:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_speed_that_is_none_changes_nothing() -> Result<()> {
    let stage = Stage::new().await?;
    let id = stage.queue_alice()?;
    for factor in ["0", "-1", "0.001", "101", "fast", "NaN", "inf"] {
        let refused = stage.ostrakon.run(&["runs", "speed", &id, "--", factor])?;
        ensure!(refused.code == 2, "{factor}: {refused:?}");
        ensure!(refused.stderr.contains("give a number from 0.01 to 100"), "{refused:?}");
    }
    let shown = stage.ostrakon.run(&["runs", "show", &id, "--json"])?;
    let shown: Value = serde_json::from_str(&shown.stdout)?;
    ensure!(shown["speed"] == 1.0 && shown["total"] == TOTAL, "{shown}");
    ensure!(stage.events(&id).await? == ["queued"]);
    Ok(())
}
