//! An operator pauses, resumes, cancels and tries again.

use anyhow::{Result, ensure};

use super::{
    history::TOTAL,
    process::Worker,
    stage::{BATCH, Stage, eventually},
};

/// Waits until an operator's command waits for the batch under way.
async fn command_waits(stage: &Stage) -> Result<()> {
    eventually("a command that waits for the batch", async || {
        let count = "select count(*) from pg_stat_activity where datname = current_database()
                     and wait_event_type = 'Lock' and query like 'select status from ostrakon.runs%'";
        let waiting: i64 = sqlx::query_scalar(count).fetch_one(&stage.pool).await?;
        Ok((waiting > 0).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_takes_effect_at_the_end_of_the_batch() -> Result<()> {
    let stage = Stage::new().await?;
    let held = stage.hold(12).await?;
    let mut worker = Worker::start(&stage.ostrakon)?;
    let id = stage.queue_alice()?;
    stage.stuck().await?;
    let pausing = stage.begin(&["runs", "pause", &id])?;
    command_waits(&stage).await?;
    held.rollback().await?;
    let said = String::from_utf8(pausing.wait_with_output()?.stdout)?;
    ensure!(said.contains("will pause at the end of its batch (15 of 34 items done)"), "{said}");
    let run = stage.reaches(&id, "paused").await?;
    ensure!((run.done, run.attempt) == (3 * BATCH, 0), "{run:?}");
    worker.expect("delete_activities alice is paused")?;
    // Its slot is free; others go on meanwhile.
    let (other, _) = stage.queue(&["user", "deactivate_all_from_instance", "far.example"])?;
    stage.reaches(&other, "succeeded").await?;
    ensure!(stage.run(&id).await?.status == "paused");

    let said = stage.ostrakon.run(&["runs", "resume", &id])?;
    ensure!(said.code == 0 && said.stdout.contains("is queued again"), "{said:?}");
    let run = stage.reaches(&id, "succeeded").await?;
    ensure!((run.done, run.total) == (TOTAL, Some(TOTAL)), "{run:?}");
    let history = ["queued", "started", "planned", "pause_requested", "paused"];
    let history = [&history[..], &["resume_requested", "resumed", "succeeded"]].concat();
    ensure!(stage.events(&id).await? == history);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_run_ends_like_an_undisturbed_one() -> Result<()> {
    let stage = Stage::new().await?;
    let held = stage.hold(7).await?;
    let _worker = Worker::start(&stage.ostrakon)?;
    let id = stage.queue_alice()?;
    stage.stuck().await?;
    let pausing = stage.begin(&["runs", "pause", &id])?;
    command_waits(&stage).await?;
    held.rollback().await?;
    ensure!(pausing.wait_with_output()?.status.success());
    stage.reaches(&id, "paused").await?;
    ensure!(stage.ostrakon.run(&["runs", "resume", &id])?.code == 0);
    stage.is_like_the_twin(&id).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_run_says_how_far_it_got_and_can_go_on() -> Result<()> {
    let stage = Stage::new().await?;
    let held = stage.hold(12).await?;
    let mut worker = Worker::start(&stage.ostrakon)?;
    let id = stage.queue_alice()?;
    stage.stuck().await?;
    let watching = stage.begin(&["runs", "watch", &id])?;
    let cancelling = stage.begin(&["runs", "cancel", &id])?;
    command_waits(&stage).await?;
    held.rollback().await?;
    ensure!(cancelling.wait_with_output()?.status.success());
    let run = stage.reaches(&id, "cancelled").await?;
    ensure!(run.done == 3 * BATCH, "{run:?}");
    let watched = watching.wait_with_output()?;
    let reported = String::from_utf8(watched.stderr)?;
    ensure!(
        watched.status.code() == Some(1) && reported.contains("cancelled: 15 of 34 items done"),
        "{reported}"
    );
    let line = worker.expect("delete_activities alice is cancelled")?;
    ensure!(line["done"] == 3 * BATCH && line["total"] == TOTAL, "{line}");

    let said = stage.ostrakon.run(&["runs", "retry", &id])?;
    ensure!(said.code == 0 && said.stdout.contains("15 of 34"), "{said:?}");
    stage.is_like_the_twin(&id).await?;
    let plans = stage.events(&id).await?.iter().filter(|event| *event == "planned").count();
    ensure!(plans == 1, "it went on at the cursor and was not planned again");
    Ok(())
}
