//! A run waits while the server has too much to deliver, and tells until when it goes on delivering.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::{process::Worker, stage::Stage};

/// Puts the clock that spreads deliveries so far ahead, as others' deletions would, or back to now.
const AN_HOUR_AHEAD: &str = "update kenoma.delivery_clock
    set second = date_trunc('second', clock_timestamp()) + interval '1 hour', taken = 1";
const AT_NOW: &str = "update kenoma.delivery_clock
    set second = date_trunc('second', clock_timestamp()), taken = 0";

/// Deliveries that wait in the server's queue.
const WAITING: &str = "insert into oban_jobs (queue, worker, args, state)
    select 'federator_outgoing', 'Pleroma.Workers.PublisherWorker', '{\"op\": \"publish_one\"}',
           (array['available', 'scheduled', 'retryable'])[1 + n % 3]::oban_job_state
    from generate_series(1, 101) n";
const DELIVERED: &str = "delete from oban_jobs where args = '{\"op\": \"publish_one\"}'";

/// A run waits for what `cause` did, says so by `reason`, and goes on after `remedy`.
async fn waits(cause: &'static str, reason: &str, remedy: &'static str) -> Result<()> {
    let stage = Stage::new().await?;
    sqlx::raw_sql(cause).execute(&stage.pool).await?;
    let mut worker = Worker::start(&stage.with("KENOMA_FEDERATION_MAX_WAITING", "100"))?;
    let id = stage.queue_alice()?;
    let line = worker.expect("goes on later: it waits for deliveries: ")?;
    ensure!(line["done"] == 0 && line["level"] == "INFO", "{line}");
    let shown = stage.kenoma.run(&["jobs", "show", &id])?.stdout;
    let told = shown.lines().find(|line| line.starts_with("Waits for "));
    let told = told.with_context(|| shown.clone())?;
    ensure!(told.contains(reason), "{told}");
    ensure!(told.ends_with("allowed are 100 (federation.max_waiting)"), "{told}");
    ensure!(shown.contains("Status       queued") && shown.contains("Not before "), "{shown}");
    let run = stage.run(&id).await?;
    ensure!((run.done, run.attempt, run.crashes) == (0, 0, 0), "{run:?}");
    let watched = stage.kenoma.run(&["jobs", "watch", &id, "--wait-timeout", "2s"])?;
    ensure!(watched.code == 7 && watched.stderr.contains(" waits for deliveries: "), "{watched:?}");

    sqlx::raw_sql(remedy).execute(&stage.pool).await?;
    stage.has_waited(&id).await?;
    stage.is_like_the_twin(&id).await?;
    let events = stage.events(&id).await?;
    let waited = ["queued", "started", "planned", "waiting", "resumed"];
    ensure!(events.starts_with(&waited.map(str::to_owned)), "{events:?}");
    worker.stop()?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_waits_while_too_many_deliveries_are_under_way() -> Result<()> {
    waits(AN_HOUR_AHEAD, " of ours wait, ", AT_NOW).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_waits_for_a_server_that_does_not_deliver() -> Result<()> {
    waits(WAITING, "deliveries: more than 100 in the server's queue wait, ", DELIVERED).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_wait_is_looked_into_now_and_then() -> Result<()> {
    let stage = Stage::new().await?;
    sqlx::raw_sql(AN_HOUR_AHEAD).execute(&stage.pool).await?;
    let kenoma = stage
        .with("KENOMA_FEDERATION_MAX_WAITING", "100")
        .with("KENOMA_FEDERATION_PER_SECOND", "1");
    let mut worker = Worker::start(&kenoma)?;
    let id = stage.queue_alice()?;
    let line = worker.expect("goes on later: it waits for deliveries: ")?;
    ensure!(line["delay_s"] == 300, "{line}");
    let later = "select available_at > clock_timestamp() + interval '4 minutes' from kenoma.runs
                 where id = $1";
    let later: bool = sqlx::query_scalar(later).bind(&id).fetch_one(&stage.pool).await?;
    ensure!(later);
    // Somebody who gives up need not wait for the next look.
    let done = stage.kenoma.run(&["jobs", "cancel", &id])?;
    ensure!(done.code == 0, "{done:?}");
    stage.reaches(&id, "cancelled").await?;
    stage.is_untouched().await?;
    worker.stop()?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_and_end_tell_until_when_others_are_told() -> Result<()> {
    let stage = Stage::new().await?;
    let held = stage.hold(11).await?;
    sqlx::raw_sql(AN_HOUR_AHEAD).execute(&stage.pool).await?;
    let kenoma = stage
        .with("KENOMA_FEDERATION_PER_SECOND", "1")
        .with("KENOMA_WORKER_PROGRESS_INTERVAL", "100ms");
    let mut worker = Worker::start(&kenoma)?;
    let id = stage.queue_alice()?;
    let watching = stage.begin(&["jobs", "watch", &id])?;
    let line = worker.expect(" of 34; deliveries until about ")?;
    ensure!(line["deliveries_until"].is_string(), "{line}");
    held.rollback().await?;
    let line = worker.expect("delete_activities alice is done; deliveries until about ")?;
    let watched = String::from_utf8(watching.wait_with_output()?.stdout)?;
    ensure!(watched.contains(" is done; deliveries until about "), "{watched}");
    let done = stage.kenoma.run(&["jobs", "list", "--json"])?;
    let run: Value = serde_json::from_str(&done.stdout)?;
    ensure!(run["deliveries_until"] == line["deliveries_until"], "{run} and {line}");
    worker.stop()?;
    Ok(())
}
