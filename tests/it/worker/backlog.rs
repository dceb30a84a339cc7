//! A run waits for nothing but a living server that does not get through what is due to be delivered;
//! and it tells until when deliveries go on.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::{process::Worker, stage::Stage};

/// Puts the clock that spreads deliveries so far ahead, as others' deletions would.
const AN_HOUR_AHEAD: &str = "update ostrakon.delivery_schedule
    set second = date_trunc('second', clock_timestamp()) + interval '1 hour', taken = 1";

/// Deliveries that are due, in the server's queue.
const DUE: &str = "insert into oban_jobs (queue, worker, args)
    select 'federator_outgoing', 'Pleroma.Workers.PublisherWorker', '{\"op\": \"publish_one\"}'
    from generate_series(1, 101)";
/// Deliveries of later.
const LATER: &str = "insert into oban_jobs (queue, worker, args, state, scheduled_at)
    select 'federator_outgoing', 'Pleroma.Workers.PublisherWorker', '{\"op\": \"publish_one\"}',
           (array['scheduled', 'retryable'])[1 + n % 2]::oban_job_state,
           timezone('UTC', now()) + interval '1 hour'
    from generate_series(1, 202) n";
/// A server that takes jobs from that queue.
const ALIVE: &str = "insert into oban_jobs (queue, worker, args, state, attempted_at)
    values ('federator_outgoing', 'Pleroma.Workers.PublisherWorker', '{\"op\": \"publish_one\"}',
            'executing', timezone('UTC', now()) - interval '1 min')";
/// One that did so until a while ago.
const DEAD: &str = "insert into oban_jobs (queue, worker, args, state, attempted_at)
    values ('federator_outgoing', 'Pleroma.Workers.PublisherWorker', '{\"op\": \"publish_one\"}',
            'executing', timezone('UTC', now()) - interval '6 min')";
const DELIVERED: &str = "delete from oban_jobs where args = '{\"op\": \"publish_one\"}'";

const MAX_WAITING: &str = "OSTRAKON_FEDERATION_MAX_WAITING";

impl Stage {
    async fn has(&self, statements: &[&'static str]) -> Result<()> {
        for statement in statements {
            sqlx::raw_sql(*statement).execute(&self.pool).await?;
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_waits_while_a_living_server_does_not_get_through() -> Result<()> {
    let stage = Stage::new().await?;
    stage.has(&[DUE, ALIVE]).await?;
    let mut worker = Worker::start(&stage.with(MAX_WAITING, "100"))?;
    let id = stage.queue_alice()?;
    let line = worker.expect("will continue later: it waits for deliveries: ")?;
    ensure!(line["done"] == 0 && line["level"] == "INFO" && line["delay_s"] == 15, "{line}");
    let shown = stage.ostrakon.run(&["runs", "show", &id])?.stdout;
    let reported = shown.lines().find(|line| line.starts_with("Waits for "));
    let reported = reported.with_context(|| shown.clone())?;
    ensure!(
        reported.contains("more than 100 are due in the server's queue federator_outgoing"),
        "{reported}"
    );
    ensure!(reported.ends_with("allowed are 100 (federation.max_waiting)"), "{reported}");
    ensure!(shown.contains("Status       queued") && shown.contains("Not before "), "{shown}");
    let run = stage.run(&id).await?;
    ensure!((run.done, run.attempt, run.crashes) == (0, 0, 0), "{run:?}");
    let watched = stage.ostrakon.run(&["runs", "watch", &id, "--wait-timeout", "2s"])?;
    ensure!(watched.code == 7 && watched.stderr.contains(" waits for deliveries: "), "{watched:?}");

    stage.has(&[DELIVERED]).await?;
    stage.has_waited(&id).await?;
    stage.is_like_the_twin(&id).await?;
    let events = stage.events(&id).await?;
    let waited = ["queued", "started", "planned", "waiting", "waited"];
    ensure!(events.starts_with(&waited.map(str::to_owned)), "{events:?}");
    worker.stop()?;
    Ok(())
}

/// With this in the server's queue, a run waits for nothing, and says until when deliveries go on.
async fn goes_straight(queue: &[&'static str]) -> Result<()> {
    let stage = Stage::new().await?;
    stage.has(queue).await?;
    stage.has(&[AN_HOUR_AHEAD]).await?;
    let ostrakon = stage.with(MAX_WAITING, "100").with("OSTRAKON_FEDERATION_PER_SECOND", "1");
    let worker = Worker::start(&ostrakon)?;
    let id = stage.queue_alice()?;
    stage.reaches(&id, "succeeded").await?;
    let events = stage.events(&id).await?;
    ensure!(events == ["queued", "started", "planned", "succeeded"], "{events:?}");
    // Every delivery has its own second, behind those of others.
    let seconds: Vec<i64> = sqlx::query_scalar(
        "select extract(epoch from date_trunc('second', scheduled_at)
                        - timezone('UTC', (select created_at from ostrakon.runs)))::bigint / 60
         from oban_jobs where args ->> 'op' = 'publish' and state = 'scheduled'",
    )
    .fetch_all(&stage.pool)
    .await?;
    ensure!(seconds.len() > 20 && seconds.iter().all(|minutes| *minutes >= 59), "{seconds:?}");
    worker.stop()?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_does_not_wait_for_deliveries_of_later() -> Result<()> {
    goes_straight(&[LATER, ALIVE]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_does_not_wait_for_a_server_that_is_down() -> Result<()> {
    goes_straight(&[DUE, DEAD]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_gives_up_need_not_wait_for_the_next_look() -> Result<()> {
    let stage = Stage::new().await?;
    stage.has(&[DUE, ALIVE]).await?;
    let mut worker = Worker::start(&stage.with(MAX_WAITING, "100"))?;
    let id = stage.queue_alice()?;
    worker.expect("will continue later: it waits for deliveries: ")?;
    let done = stage.ostrakon.run(&["runs", "cancel", &id])?;
    ensure!(done.code == 0, "{done:?}");
    stage.reaches(&id, "cancelled").await?;
    stage.has(&[DELIVERED]).await?;
    stage.is_untouched().await?;
    worker.stop()?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_and_end_tell_until_when_others_are_informed() -> Result<()> {
    let stage = Stage::new().await?;
    let held = stage.hold(11).await?;
    sqlx::raw_sql(AN_HOUR_AHEAD).execute(&stage.pool).await?;
    let ostrakon = stage
        .with("OSTRAKON_FEDERATION_PER_SECOND", "1")
        .with("OSTRAKON_WORKER_PROGRESS_INTERVAL", "100ms");
    let mut worker = Worker::start(&ostrakon)?;
    let id = stage.queue_alice()?;
    let watching = stage.begin(&["runs", "watch", &id])?;
    let line = worker.expect(" of 34; deliveries until about ")?;
    ensure!(line["deliveries_until"].is_string(), "{line}");
    held.rollback().await?;
    let line = worker.expect("delete_activities alice is done; deliveries until about ")?;
    let watched = String::from_utf8(watching.wait_with_output()?.stdout)?;
    ensure!(watched.contains(" is done; deliveries until about "), "{watched}");
    let done = stage.ostrakon.run(&["runs", "list", "--json"])?;
    let run: Value = serde_json::from_str(&done.stdout)?;
    ensure!(run["deliveries_until"] == line["deliveries_until"], "{run} and {line}");
    worker.stop()?;
    Ok(())
}
