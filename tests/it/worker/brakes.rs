//! What holds a run back: each brake, put on by its real cause and let go by the end of that.
//!
//! The third batch of five waits for a held row while the cause comes; that batch is finished, and
//! not one more is begun.

mod database;
mod machine;
mod replication;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use sqlx::PgPool;
use tokio::time::timeout;

use super::{
    process::Worker,
    stage::{BATCH, DEADLINE, Stage, eventually, run, stuck},
    story::{DELETE_ALICE, hold, is_like_the_twin},
};
use crate::program::Ostrakon;

/// A program that looks often and lets go soon.
fn attentive(ostrakon: &Ostrakon) -> Ostrakon {
    ostrakon.clone().with("OSTRAKON_BRAKES_INTERVAL", "50ms").with("OSTRAKON_BRAKES_HOLD", "200ms")
}

/// Waits until the brakes have looked once more from the beginning: one look begins after another that began after
/// this was asked.
///
/// A look is seen while it lasts, for a millisecond or two: idle, its connection was asked something else already.
/// So nobody sleeps between two questions.
async fn another_look(pool: &PgPool) -> Result<()> {
    for _ in 0..2 {
        let now = "select clock_timestamp()::text";
        let now: String = sqlx::query_scalar(now).fetch_one(pool).await?;
        let seen = async {
            let looks = "select exists (select from pg_stat_activity
                                        where datname = current_database()
                                          and query like '-- What brakes look at%'
                                          and query_start > $1::timestamptz)";
            while !sqlx::query_scalar::<_, bool>(looks).bind(&now).fetch_one(pool).await? {}
            anyhow::Ok(())
        };
        timeout(DEADLINE, seen).await.context("no look of the brakes was seen in time")??;
    }
    Ok(())
}

/// Has a run held back by a brake after its third batch, and go on when the cause has gone.
async fn is_held_back<C>(
    ostrakon: &Ostrakon,
    pool: &PgPool,
    brake: &str,
    cause: impl AsyncFnOnce() -> Result<C>,
    relieve: impl AsyncFnOnce(C) -> Result<()>,
) -> Result<()> {
    let ostrakon = match brake {
        // Its cause ends with the batch: what is asked below has to come before the end of this, also where a disk
        // keeps the ledger waiting for seconds.
        "lock_waiters" => attentive(ostrakon).with("OSTRAKON_BRAKES_HOLD", "5s"),
        _ => attentive(ostrakon),
    };
    let held = hold(pool, 12).await?;
    let mut worker = Worker::start(&ostrakon)?;
    let (id, _) = super::stage::queue(&ostrakon, &DELETE_ALICE)?;
    stuck(pool, 1).await?;
    let cause = cause().await?;
    another_look(pool).await?;
    held.rollback().await?;
    let line = worker.expect("delete_activities alice is held back: ")?;
    ensure!(line["brake"] == brake && line["run_id"] == id, "{line}");
    let reason = line["message"].as_str().and_then(|text| text.split_once(": ")).context("why")?.1;

    // The log has it before the ledger, which a disk that stands still may keep waiting.
    eventually("a brake in the ledger", async || {
        let brake = "select brake from ostrakon.runs where id = $1";
        let brake: Option<String> = sqlx::query_scalar(brake).bind(&id).fetch_one(pool).await?;
        Ok(brake.map(|_| ()))
    })
    .await?;
    // Whoever asks is told the same; nothing is done meanwhile.
    another_look(pool).await?;
    let shown = ostrakon.run(&["jobs", "show", &id])?;
    ensure!(shown.stdout.contains(&format!("Held back    {reason}")), "{shown:?} {reason}");
    let shown = ostrakon.run(&["jobs", "show", &id, "--json"])?;
    let shown: Value = serde_json::from_str(&shown.stdout)?;
    ensure!(shown["brake"]["name"] == brake && shown["brake"]["reason"] == reason, "{shown}");
    ensure!(shown["status"] == "running" && shown["done"] == 3 * BATCH, "{shown}");

    let told = ostrakon.run(&["metrics"])?;
    let labels = format!("{{brake=\"{brake}\",job=\"delete_activities\",run_id=\"{id}\"}}");
    let held_back = format!("ostrakon_run_held_back{labels} 1");
    ensure!(told.stdout.lines().any(|line| line == held_back), "{told:?}");

    relieve(cause).await?;
    worker.expect("delete_activities alice goes on")?;
    is_like_the_twin(pool, &id).await?;
    let shown: Value =
        serde_json::from_str(&ostrakon.run(&["jobs", "show", &id, "--json"])?.stdout)?;
    ensure!(shown["brake"].is_null() && shown["braked_ms"].as_i64() > Some(0), "{shown}");
    let told = ostrakon.run(&["metrics"])?;
    ensure!(!told.stdout.contains("ostrakon_run_held_back{"), "{told:?}");
    ensure!(run(pool, &id).await?.attempt == 0, "a brake is no failure");
    Ok(())
}

/// Waits for a statement of a test's own to wait or work, as PostgreSQL sees it.
async fn is_under_way(pool: &PgPool, statements: i64, like: &str) -> Result<()> {
    eventually(&format!("{statements} statements like {like:?}"), async || {
        let count = "select count(*) from pg_stat_activity
                     where datname = current_database() and state = 'active' and query like $1";
        let busy: i64 = sqlx::query_scalar(count).bind(like).fetch_one(pool).await?;
        Ok((busy >= statements).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_held_back_obeys_an_operator_and_keeps_its_lease() -> Result<()> {
    let stage = Stage::new().await?;
    let folder = tempfile::tempdir()?;
    let flag = folder.path().join("brake");
    std::fs::write(&flag, "")?;
    let ostrakon = attentive(&super::stage::short_leases(stage.ostrakon.clone()))
        .with("OSTRAKON_BRAKES_FLAG_FILE", flag.display().to_string());
    let mut worker = Worker::start(&ostrakon)?;
    let id = stage.queue_alice()?;
    worker.expect("delete_activities alice is held back: ")?;
    // Longer than a lease.
    let later =
        "select clock_timestamp() > braked_at + interval '1.5 s' from ostrakon.runs where id = $1";
    eventually("a brake that is on for long", async || {
        let later: Option<bool> =
            sqlx::query_scalar(later).bind(&id).fetch_one(&stage.pool).await?;
        Ok(later.filter(|later| *later).map(|_| ()))
    })
    .await?;
    ensure!(ostrakon.run(&["jobs", "pause", &id])?.code == 0);
    let run = stage.reaches(&id, "paused").await?;
    ensure!((run.done, run.attempt, run.crashes) == (0, 0, 0), "{run:?}");
    stage.is_untouched().await?;
    ensure!(stage.events(&id).await? == ["queued", "started", "pause_requested", "paused"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_told_to_stop_gives_a_run_back_that_is_held_back() -> Result<()> {
    let stage = Stage::new().await?;
    let folder = tempfile::tempdir()?;
    let flag = folder.path().join("brake");
    std::fs::write(&flag, "")?;
    let ostrakon =
        attentive(&stage.ostrakon).with("OSTRAKON_BRAKES_FLAG_FILE", flag.display().to_string());
    let mut worker = Worker::start(&ostrakon)?;
    let id = stage.queue_alice()?;
    worker.expect("delete_activities alice is held back: ")?;
    worker.stop()?;
    let run = stage.run(&id).await?;
    ensure!((run.status.as_str(), run.done, run.attempt) == ("queued", 0, 0), "{run:?}");
    // The next one is held back by nothing.
    let _worker = Worker::start(&stage.ostrakon)?;
    stage.is_like_the_twin(&id).await
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_follows_is_told_why_nothing_happens() -> Result<()> {
    let stage = Stage::new().await?;
    let folder = tempfile::tempdir()?;
    let flag = folder.path().join("brake");
    std::fs::write(&flag, "")?;
    let ostrakon =
        attentive(&stage.ostrakon).with("OSTRAKON_BRAKES_FLAG_FILE", flag.display().to_string());
    let mut worker = Worker::start(&ostrakon)?;
    let id = stage.queue_alice()?;
    let watching = stage.begin(&["jobs", "watch", &id])?;
    worker.expect("delete_activities alice is held back: ")?;
    // The follower has read the ledger once more.
    is_read_again(&stage).await?;
    std::fs::remove_file(&flag)?;
    worker.expect("delete_activities alice goes on")?;
    let told = String::from_utf8(watching.wait_with_output()?.stderr)?;
    let reason = format!(
        "alice is held back: the file {} exists; it goes on when that is removed",
        flag.display()
    );
    ensure!(told.contains(&reason) && told.contains("alice goes on"), "{told}");
    let inline = [&DELETE_ALICE[..], &["--inline", "--yes"]].concat();
    let done = ostrakon.run(&inline)?;
    ensure!(done.code == 0, "{done:?}");
    Ok(())
}

/// Waits until somebody who follows has read the ledger twice more.
async fn is_read_again(stage: &Stage) -> Result<()> {
    for _ in 0..2 {
        let now: String =
            sqlx::query_scalar("select clock_timestamp()::text").fetch_one(&stage.pool).await?;
        eventually("a look of the follower", async || {
            let looks = "select count(*) from pg_stat_activity where datname = current_database()
                         and query = 'select * from ostrakon.runs where id = $1'
                         and query_start > $1::timestamptz";
            let looks: i64 = sqlx::query_scalar(looks).bind(&now).fetch_one(&stage.pool).await?;
            Ok((looks > 0).then_some(()))
        })
        .await?;
    }
    Ok(())
}
