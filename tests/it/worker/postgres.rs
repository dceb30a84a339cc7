//! PostgreSQL cuts connections, lets locks be waited for in vain and restarts.

use anyhow::{Context as _, Result, ensure};
use sqlx::postgres::PgPoolOptions;
use testkit::{Flavour, Ostrakon, Postgres};

use super::{
    history::{DELETE_ALICE, hold, is_like_the_twin, load_story},
    process::{Worker, message},
    stage::{Stage, eventually, queue, quick, short_leases, stuck},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_whose_connection_is_cut_is_done_again() -> Result<()> {
    let stage = Stage::new().await?;
    let held = stage.hold(12).await?;
    let mut worker = Worker::start(&stage.ostrakon)?;
    let id = stage.queue_alice()?;
    stage.stuck().await?;
    let cut = "select pg_terminate_backend(pid) from pg_stat_activity
               where datname = current_database() and application_name like 'ostrakon:%'";
    sqlx::query(cut).execute(&stage.pool).await?;
    let line = worker.expect("A batch was undone and is tried again")?;
    ensure!(line["tries"] == 1 && line["run_id"] == id, "{line}");
    held.rollback().await?;
    stage.is_like_the_twin(&id).await?;
    let run = stage.run(&id).await?;
    ensure!((run.attempt, run.crashes) == (0, 0), "{run:?}");
    ensure!(stage.events(&id).await? == ["queued", "started", "planned", "succeeded"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_held_for_long_costs_a_try_and_no_row() -> Result<()> {
    let stage = Stage::new().await?;
    let held = stage.hold(12).await?;
    let mut worker = Worker::start(&stage.with("OSTRAKON_BATCH_LOCK_TIMEOUT", "50ms"))?;
    let id = stage.queue_alice()?;
    worker.expect_that("A batch gave way to others", |line| line["tries"] == 10)?;
    let line = worker.expect("delete_activities alice will be retried")?;
    ensure!(line["error"].to_string().contains("lock timeout") && line["delay_s"] == 5, "{line}");
    let run = stage.run(&id).await?;
    // Ever smaller batches got as far as the row before it.
    ensure!((run.status.as_str(), run.done, run.attempt) == ("queued", 11, 1), "{run:?}");
    let error = "PostgreSQL said: canceling statement due to lock timeout";
    ensure!(run.last_error.as_ref().is_some_and(|reported| reported.starts_with(error)), "{run:?}");
    ensure!(run.parked == 0, "a row that is only held is not parked");
    held.rollback().await?;
    // Time passes.
    let due = "update ostrakon.runs set available_at = clock_timestamp() where id = $1";
    sqlx::query(due).bind(&id).execute(&stage.pool).await?;
    stage.is_like_the_twin(&id).await?;
    ensure!(stage.run(&id).await?.attempt == 0, "progress resets the count");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_wait_for_a_row_costs_no_try() -> Result<()> {
    let stage = Stage::new().await?;
    let held = stage.hold(12).await?;
    let mut worker = Worker::start(&stage.with("OSTRAKON_BATCH_LOCK_TIMEOUT", "500ms"))?;
    let id = stage.queue_alice()?;
    worker.expect("A batch gave way to others")?;
    held.rollback().await?;
    stage.is_like_the_twin(&id).await?;
    ensure!(stage.events(&id).await? == ["queued", "started", "planned", "succeeded"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_survives_a_crash_of_postgres() -> Result<()> {
    let mut server = Postgres::start_durable()?;
    let pool = PgPoolOptions::new().connect_lazy(&server.url("postgres"))?;
    sqlx::raw_sql(Flavour::Pleroma.schema()).execute(&pool).await?;
    load_story(&pool).await?;
    let prefix = ulid::Ulid::generate().to_string();
    let ostrakon = quick(Ostrakon::at(&server.url("postgres")), testkit::redis()?.url())
        .with("OSTRAKON_DATABASE_CONNECT_TIMEOUT", "500ms")
        .with("OSTRAKON_REDIS_PREFIX", prefix);
    let ostrakon = short_leases(ostrakon);
    ostrakon.migrate()?;
    let held = hold(&pool, 12).await?;
    let mut worker = Worker::start(&ostrakon)?;
    let (id, _) = queue(&ostrakon, &DELETE_ALICE)?;
    stuck(&pool, 1).await?;
    server.stop_immediate()?;
    drop(held);
    worker.expect("The run is left to its lease")?;
    server.restart()?;
    eventually("PostgreSQL answers", async || Ok(pool.acquire().await.ok().map(drop))).await?;
    let again = worker.expect("Working on delete_activities alice")?;
    ensure!(again["run_id"] == id, "{again}");
    is_like_the_twin(&pool, &id).await?;
    // Stopping needs no database either.
    server.stop_immediate()?;
    let log = worker.stop()?;
    ensure!(log.iter().all(|line| line["level"] != "ERROR"), "{log:#?}");
    let last = log.last().context("nothing was logged")?;
    ensure!(message(last).contains("could not be removed from the list"), "{last}");
    Ok(())
}
