//! A worker's clock is wrong, or jumps by an hour while it works. (Only what is the time of day: no
//! system lets its monotonic clock jump.)

use anyhow::{Result, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use testkit::{Clock, Ostrakon};

use super::{
    history::DELETE_ALICE,
    process::Worker,
    stage::{Stage, eventually, queue},
};

/// The program, with the time of a clock.
pub(super) fn with_clock(clock: &Clock, ostrakon: Ostrakon) -> Ostrakon {
    clock
        .environment()
        .into_iter()
        .fold(ostrakon, |ostrakon, (name, value)| ostrakon.with(name, value))
}

/// How far the clock of whoever wrote a line was ahead, in minutes.
fn minutes_ahead(line: &Value) -> Result<i64> {
    let written: DateTime<Utc> = line["timestamp"].as_str().unwrap_or_default().parse()?;
    // Nothing here takes minutes.
    Ok((written - Utc::now() + TimeDelta::minutes(2)).num_minutes())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_costs_no_lease_and_no_try() -> Result<()> {
    let stage = Stage::new().await?;
    let [early, late] = [stage.hold(12).await?, stage.hold(27).await?];
    let clock = Clock::set_by("+0")?;
    let jumpy = with_clock(&clock, stage.with_short_leases())
        .with("OSTRAKON_WORKER_PROGRESS_INTERVAL", "100ms");
    let mut worker = Worker::start(&jumpy)?;
    let id = stage.queue_alice()?;
    stage.stuck().await?;
    // Whoever would take the run over as soon as its lease ran out.
    let other = Worker::start(&stage.with_short_leases())?;
    clock.set("+1h")?;
    worker.expect_that("Progress of", |line| minutes_ahead(line).is_ok_and(|ahead| ahead > 55))?;
    early.rollback().await?;
    worker.expect_that("Progress of", |line| line["done"] == 25)?;
    clock.set("-1h")?;
    worker.expect_that("Progress of", |line| minutes_ahead(line).is_ok_and(|ahead| ahead < -50))?;
    late.rollback().await?;
    stage.went_straight(&id).await?;
    other.stop()?;
    stage.next_is_done().await?;
    worker.stop()?;
    Ok(())
}

/// Who notifies and who is notified have clocks that differ; nobody notifies again.
async fn is_heard(ringing: &str, hearing: &str) -> Result<()> {
    let stage = Stage::new().await?;
    let (ringing, hearing) = (Clock::set_by(ringing)?, Clock::set_by(hearing)?);
    let ostrakon = with_clock(&hearing, stage.with("OSTRAKON_WORKER_RECONCILE_INTERVAL", "1h"));
    let _worker = Worker::start(&ostrakon)?;
    // Its one look into the ledger is over.
    stage.workers(1).await?;
    let (id, _) = queue(&with_clock(&ringing, stage.ostrakon.clone()), &DELETE_ALICE)?;
    stage.went_straight(&id).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notification_by_a_clock_ahead_is_handled_immediately() -> Result<()> {
    is_heard("+1h", "+0").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_whose_clock_is_behind_is_woken_immediately() -> Result<()> {
    is_heard("+0", "-1h").await
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_whose_clocks_differ_leave_each_other_alone() -> Result<()> {
    let (stage, redis) = Stage::with_redis().await?;
    let right = Worker::start(&stage.ostrakon)?;
    let clocks = [Clock::set_by("+1h")?, Clock::set_by("-1h")?];
    let [ahead, behind] = &clocks;
    let wrong = [
        Worker::start(&with_clock(ahead, stage.ostrakon.clone()))?,
        Worker::start(&with_clock(behind, stage.ostrakon.clone()))?,
    ];
    let names = format!("{}:long:workers", stage.prefix);
    let signs = || -> Result<Vec<(String, i64)>> {
        let listed = redis.command(&["ZRANGE", &names, "0", "-1", "WITHSCORES"])?;
        let lines: Vec<&str> = listed.lines().collect();
        lines.chunks_exact(2).map(|pair| Ok((pair[0].to_owned(), pair[1].parse()?))).collect()
    };
    let first =
        eventually("three workers", async || Ok(Some(signs()?).filter(|signs| signs.len() == 3)))
            .await?;
    // Each has given two more signs of life, and with each looked whose had failed to come.
    eventually("signs of life of all", async || {
        let now = signs()?;
        let alive = |(name, then): &(String, i64)| {
            now.iter().any(|(other, sign)| other == name && *sign >= then + 9)
        };
        Ok(first.iter().all(alive).then_some(()))
    })
    .await?;
    for worker in wrong.into_iter().chain([right]) {
        let reported = worker.stop()?;
        ensure!(reported.iter().all(|line| line["level"] == "INFO"), "{reported:#?}");
    }
    Ok(())
}
