//! From the command line through Redis to the rows.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use testkit::{Database, Flavour, Transition, compare, snapshot};

use super::{
    history::{DELETE_ALICE, TOTAL},
    process::Worker,
    stage::{BATCH, Stage, stuck},
};
use crate::golden::publish::give_options;

#[tokio::test(flavor = "multi_thread")]
async fn a_queued_job_leaves_the_rows_of_one_done_inline() -> Result<()> {
    let stage = Stage::new().await?;
    let worker = Worker::start(&stage.ostrakon)?;
    stage.workers(1).await?;
    let done = stage.ostrakon.run(&[&DELETE_ALICE[..], &["--yes", "--wait"]].concat())?;
    ensure!(done.code == 0 && !done.stderr.contains("no worker"), "{done:?}");
    let (queued, last) = done.stdout.split_once('\n').context("one line only")?;
    ensure!(last == "User alice statuses deleted.\n", "{done:?}");
    let id = queued.trim_end_matches('.').rsplit(' ').next().context("no id")?;
    stage.is_like_the_twin(id).await?;
    let log = worker.stop()?;
    let ended = log.iter().find(|line| line["message"] == "delete_activities alice is done");
    let ended = ended.context("the end was not logged")?;
    ensure!(ended["done"] == TOTAL && ended["total"] == TOTAL && ended["run_id"] == id, "{ended}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_is_replayed_through_the_queue() -> Result<()> {
    for name in ["da_many_60", "deactivate_with_relations"] {
        let transition = Transition::load(Flavour::Pleroma, name)?;
        let database = Database::create(Flavour::Pleroma).await?;
        transition.load_before(&database).await?;
        let stage = Stage::empty(database).await?;
        // What was recorded is what the original's own task wrote, which tells nobody of it.
        let ostrakon = stage.with("OSTRAKON_SERVER_REFRESH", "off");
        let _worker = Worker::start(&ostrakon)?;
        let mut arguments = vec!["user"];
        arguments.extend(transition.arguments().iter().map(String::as_str));
        arguments.extend(["--yes", "--wait"]);
        let done = ostrakon.run(&arguments)?;
        ensure!(done.code == 0 && done.stdout.ends_with(transition.stdout()), "{done:?}");
        let mut expected = transition.after().clone();
        give_options(&transition, &mut expected);
        let actual = snapshot(&stage.pool).await?;
        let differences = compare(&transition.before, &expected, &actual);
        ensure!(differences.is_empty(), "{name}: {differences:#?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_waits_for_a_worker_and_can_be_watched() -> Result<()> {
    let stage = Stage::new().await?;
    let (id, said) = stage.queue(&DELETE_ALICE)?;
    ensure!(said.stderr.contains("no worker is running"), "{said:?}");
    let watching = stage.begin(&["runs", "watch", &id])?;
    let _worker = Worker::start(&stage.ostrakon)?;
    let watched = watching.wait_with_output()?;
    let reported = String::from_utf8(watched.stdout)?;
    ensure!(watched.status.code() == Some(0), "{reported}");
    ensure!(reported == format!("Run {id} (delete_activities alice) is done.\n"), "{reported}");
    stage.is_like_the_twin(&id).await?;
    stage.workers(1).await?;
    let (_, said) = stage.queue(&["user", "deactivate", "carl@far.example"])?;
    ensure!(!said.stderr.contains("no worker"), "{said:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_is_logged_as_json() -> Result<()> {
    let stage = Stage::new().await?;
    let [early, late] = [stage.hold(11).await?, stage.hold(26).await?];
    let mut worker = Worker::start(&stage.with("OSTRAKON_WORKER_PROGRESS_INTERVAL", "100ms"))?;
    let id = stage.queue_alice()?;
    let first = worker.expect_that("Progress of", |line| line["done"] == 2 * BATCH)?;
    ensure!(first["total"] == TOTAL, "{first}");
    early.rollback().await?;
    // Once there is something to guess from.
    let is_sure = |line: &Value| line["done"] == 5 * BATCH && line["eta_s"].is_u64();
    let second = worker.expect_that("Progress of", is_sure)?;
    let named = (&second["job"], &second["run_id"], &second["subject"], &second["level"]);
    ensure!(
        named == (&"delete_activities".into(), &id.clone().into(), &"alice".into(), &"INFO".into()),
        "{second}"
    );
    ensure!(second["rows_per_s"].as_f64().is_some_and(|rate| rate > 0.0), "{second}");
    ensure!(second["message"] == "Progress of delete_activities alice: 25 of 34", "{second}");
    late.rollback().await?;
    worker.expect("delete_activities alice is done")?;
    stage.is_like_the_twin(&id).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_job_does_not_wait_behind_long_ones() -> Result<()> {
    let stage = Stage::new().await?;
    let held = stage.hold(1).await?;
    let _worker = Worker::start(&stage.with("OSTRAKON_WORKER_CONCURRENCY", "1"))?;
    let long = stage.queue_alice()?;
    stage.stuck().await?;
    let (behind, _) = stage.queue(&["user", "deactivate_all_from_instance", "far.example"])?;
    let done = stage.ostrakon.run(&[
        "user",
        "deactivate",
        "carl@far.example",
        "--json",
        "--wait",
        "--wait-timeout",
        "20s",
    ])?;
    ensure!(done.code == 0, "{done:?}");
    let short: Value = serde_json::from_str(&done.stdout)?;
    ensure!(short["status"] == "succeeded", "{short}");
    ensure!(stage.run(&long).await?.status == "running");
    // The one slot for long jobs is taken.
    ensure!(stage.run(&behind).await?.status == "queued");
    held.rollback().await?;
    stage.reaches(&behind, "succeeded").await?;
    stage.reaches(&long, "succeeded").await?;
    Ok(())
}

/// Whoever announces it, pauses it or changes its speed holds a queued run for a moment. The message
/// that comes just then is the only one for a long time.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_held_for_a_moment_is_claimed_all_the_same() -> Result<()> {
    let stage = Stage::new().await?;
    let id = stage.queue_alice()?;
    let mut held = stage.pool.begin().await?;
    sqlx::query("select from ostrakon.runs where id = $1 for update")
        .bind(&id)
        .execute(&mut *held)
        .await?;
    let _worker = Worker::start(&stage.with("OSTRAKON_WORKER_RECONCILE_INTERVAL", "1h"))?;
    // The claim.
    stage.others_are_stuck(1).await?;
    held.rollback().await?;
    stage.went_straight(&id).await
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_that_wait_keep_no_connection_from_leases_and_claims() -> Result<()> {
    let stage = Stage::new().await?;
    let mut held = stage.hold(1).await?;
    for statement in [
        "select from objects where data ->> 'actor' like '%/users/bob' for update",
        "select from users where nickname = 'carl@far.example' for update",
    ] {
        sqlx::query(statement).execute(&mut *held).await?;
    }
    // As many as there are connections beside those for the work.
    let ostrakon = stage
        .with_short_leases()
        .with("OSTRAKON_WORKER_CONCURRENCY", "3")
        .with("OSTRAKON_WORKER_PROGRESS_INTERVAL", "500ms");
    let mut worker = Worker::start(&ostrakon)?;
    let long = [
        stage.queue(&["user", "delete_activities", "alice"])?.0,
        stage.queue(&["user", "delete_activities", "bob"])?.0,
        stage.queue(&["user", "deactivate_all_from_instance", "far.example"])?.0,
    ];
    stuck(&stage.pool, 3).await?;
    // Every lease was to be renewed by now.
    for id in &long {
        worker.expect_that("Progress of", |line| line["run_id"] == *id)?;
    }
    let done =
        stage.ostrakon.run(&["user", "deactivate", "dora", "--wait", "--wait-timeout", "4s"])?;
    ensure!(done.code == 0, "{done:?}");
    held.rollback().await?;
    for id in &long {
        stage.reaches(id, "succeeded").await?;
    }
    let reported = worker.stop()?;
    // sqlx tells of statements that take long; they did.
    let mut ours = reported.iter().filter(|line| line["target"] != "sqlx::query");
    ensure!(ours.all(|line| line["level"] == "INFO"), "{reported:#?}");
    Ok(())
}
