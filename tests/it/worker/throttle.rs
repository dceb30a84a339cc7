//! What holds a run back: each check, by its real cause and until the end of that.
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
    history::{DELETE_ALICE, hold, is_like_the_twin},
    process::Worker,
    stage::{BATCH, DEADLINE, Stage, eventually, run, stuck},
};
use testkit::Ostrakon;

/// A program that looks often and lets go soon.
fn attentive(ostrakon: &Ostrakon) -> Ostrakon {
    ostrakon
        .clone()
        .with("OSTRAKON_THROTTLE_INTERVAL", "50ms")
        .with("OSTRAKON_THROTTLE_RELEASE_AFTER", "200ms")
}

/// Waits until the throttle has looked once more from the beginning: one look begins after another that began after
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
                                          and query like '-- What the throttle looks at%'
                                          and query_start > $1::timestamptz)";
            while !sqlx::query_scalar::<_, bool>(looks).bind(&now).fetch_one(pool).await? {}
            anyhow::Ok(())
        };
        timeout(DEADLINE, seen).await.context("no look of the throttle was seen in time")??;
    }
    Ok(())
}

/// Has a run throttled by a check after its third batch, and go on when the cause has gone.
async fn is_throttled<C>(
    ostrakon: &Ostrakon,
    pool: &PgPool,
    check: &str,
    cause: impl AsyncFnOnce() -> Result<C>,
    relieve: impl AsyncFnOnce(C) -> Result<()>,
) -> Result<()> {
    let ostrakon = match check {
        // Its cause ends with the batch: what is asked below has to come before the end of this, also where a disk
        // keeps the ledger waiting for seconds.
        "lock_waiters" => attentive(ostrakon).with("OSTRAKON_THROTTLE_RELEASE_AFTER", "5s"),
        _ => attentive(ostrakon),
    };
    let held = hold(pool, 12).await?;
    let mut worker = Worker::start(&ostrakon)?;
    let (id, _) = super::stage::queue(&ostrakon, &DELETE_ALICE)?;
    stuck(pool, 1).await?;
    let cause = cause().await?;
    another_look(pool).await?;
    held.rollback().await?;
    let line = worker.expect("delete_activities alice is throttled: ")?;
    ensure!(line["check"] == check && line["run_id"] == id, "{line}");
    let reason = line["message"].as_str().and_then(|text| text.split_once(": ")).context("why")?.1;

    // The log has it before the ledger, which a disk that stands still may keep waiting.
    eventually("a throttle in the ledger", async || {
        let throttle = "select throttle from ostrakon.runs where id = $1";
        let throttle: Option<String> =
            sqlx::query_scalar(throttle).bind(&id).fetch_one(pool).await?;
        Ok(throttle.map(|_| ()))
    })
    .await?;
    // Whoever asks is told the same; nothing is done meanwhile.
    another_look(pool).await?;
    let shown = ostrakon.run(&["runs", "show", &id])?;
    ensure!(shown.stdout.contains(&format!("Throttled    {reason}")), "{shown:?} {reason}");
    let shown = ostrakon.run(&["runs", "show", &id, "--json"])?;
    let shown: Value = serde_json::from_str(&shown.stdout)?;
    ensure!(shown["throttle"]["name"] == check && shown["throttle"]["reason"] == reason, "{shown}");
    ensure!(shown["status"] == "running" && shown["done"] == 3 * BATCH, "{shown}");

    let reported = ostrakon.run(&["metrics"])?;
    let labels = format!("{{check=\"{check}\",job=\"delete_activities\",run_id=\"{id}\"}}");
    let throttled = format!("ostrakon_run_throttled{labels} 1");
    ensure!(reported.stdout.lines().any(|line| line == throttled), "{reported:?}");

    relieve(cause).await?;
    worker.expect("delete_activities alice continues")?;
    is_like_the_twin(pool, &id).await?;
    let shown: Value =
        serde_json::from_str(&ostrakon.run(&["runs", "show", &id, "--json"])?.stdout)?;
    ensure!(shown["throttle"].is_null() && shown["throttled_ms"].as_i64() > Some(0), "{shown}");
    let reported = ostrakon.run(&["metrics"])?;
    ensure!(!reported.stdout.contains("ostrakon_run_throttled{"), "{reported:?}");
    ensure!(run(pool, &id).await?.attempt == 0, "throttling is no failure");
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
    let flag = folder.path().join("throttle");
    std::fs::write(&flag, "")?;
    let ostrakon = attentive(&super::stage::short_leases(stage.ostrakon.clone()))
        .with("OSTRAKON_THROTTLE_FLAG_FILE", flag.display().to_string());
    let mut worker = Worker::start(&ostrakon)?;
    let id = stage.queue_alice()?;
    worker.expect("delete_activities alice is throttled: ")?;
    // Longer than a lease.
    let later = "select clock_timestamp() > throttled_at + interval '1.5 s' from ostrakon.runs where id = $1";
    eventually("a run that is throttled for long", async || {
        let later: Option<bool> =
            sqlx::query_scalar(later).bind(&id).fetch_one(&stage.pool).await?;
        Ok(later.filter(|later| *later).map(|_| ()))
    })
    .await?;
    ensure!(ostrakon.run(&["runs", "pause", &id])?.code == 0);
    let run = stage.reaches(&id, "paused").await?;
    ensure!((run.done, run.attempt, run.crashes) == (0, 0, 0), "{run:?}");
    stage.is_untouched().await?;
    ensure!(stage.events(&id).await? == ["queued", "started", "pause_requested", "paused"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_informed_to_stop_gives_a_run_back_that_is_held_back() -> Result<()> {
    let stage = Stage::new().await?;
    let folder = tempfile::tempdir()?;
    let flag = folder.path().join("throttle");
    std::fs::write(&flag, "")?;
    let ostrakon =
        attentive(&stage.ostrakon).with("OSTRAKON_THROTTLE_FLAG_FILE", flag.display().to_string());
    let mut worker = Worker::start(&ostrakon)?;
    let id = stage.queue_alice()?;
    worker.expect("delete_activities alice is throttled: ")?;
    worker.stop()?;
    let run = stage.run(&id).await?;
    ensure!((run.status.as_str(), run.done, run.attempt) == ("queued", 0, 0), "{run:?}");
    // The next one is throttled by nothing.
    let _worker = Worker::start(&stage.ostrakon)?;
    stage.is_like_the_twin(&id).await
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_follows_is_informed_why_nothing_happens() -> Result<()> {
    let stage = Stage::new().await?;
    let folder = tempfile::tempdir()?;
    let flag = folder.path().join("throttle");
    std::fs::write(&flag, "")?;
    let ostrakon =
        attentive(&stage.ostrakon).with("OSTRAKON_THROTTLE_FLAG_FILE", flag.display().to_string());
    let mut worker = Worker::start(&ostrakon)?;
    let id = stage.queue_alice()?;
    let watching = stage.begin(&["runs", "watch", &id])?;
    worker.expect("delete_activities alice is throttled: ")?;
    // The follower has read the ledger once more.
    is_read_again(&stage).await?;
    std::fs::remove_file(&flag)?;
    worker.expect("delete_activities alice continues")?;
    let reported = String::from_utf8(watching.wait_with_output()?.stderr)?;
    let reason = format!(
        "alice is throttled: the file {} exists; it goes on when that is removed",
        flag.display()
    );
    ensure!(reported.contains(&reason) && reported.contains("alice continues"), "{reported}");
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
