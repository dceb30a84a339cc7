//! The network between a worker and its servers is slow, breaks, or swallows everything.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use sqlx::PgTransaction;
use testkit::{Link, Ostrakon, Proxy};

use super::{
    process::{Worker, message},
    stage::{BATCH, Stage, eventually, queue, short_leases},
};

/// 300 ms to a server and back, and up to 100 ms more.
const SLOW: Link =
    Link::Slow { latency: Duration::from_millis(150), jitter: Duration::from_millis(50) };

/// A stage whose PostgreSQL and Redis a worker may reach through proxies.
struct Net {
    stage: Stage,
    postgres: Proxy,
    redis: Proxy,
    /// The program on the far side of both.
    remote: Ostrakon,
}

impl Net {
    async fn new() -> Result<Self> {
        let stage = Stage::new().await?;
        let (postgres, to_postgres) = Proxy::before(stage.url()).await?;
        let (redis, to_redis) = Proxy::before(testkit::redis()?.url()).await?;
        let remote =
            stage.with("OSTRAKON_DATABASE_URL", &to_postgres).with("OSTRAKON_REDIS_URL", to_redis);
        Ok(Self { stage, postgres, redis, remote })
    }

    /// The program on the far side with leases, statements and connections that are given up soon.
    fn impatient(&self) -> Ostrakon {
        short_leases(self.remote.clone())
            .with("OSTRAKON_BATCH_STATEMENT_TIMEOUT", "1s")
            .with("OSTRAKON_BATCH_LOCK_TIMEOUT", "1s")
            .with("OSTRAKON_DATABASE_CONNECT_TIMEOUT", "1s")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_network_costs_time_only() -> Result<()> {
    let net = Net::new().await?;
    let held = net.stage.hold(30).await?;
    let worker = Worker::start(&net.remote)?;
    let id = net.stage.queue_alice()?;
    net.stage.stuck().await?;
    net.postgres.set(SLOW);
    net.redis.set(SLOW);
    held.rollback().await?;
    eventually("a batch that is committed", async || {
        Ok((net.stage.run(&id).await?.done >= 6 * BATCH).then_some(()))
    })
    .await?;
    net.postgres.set(Link::Open);
    net.stage.went_straight(&id).await?;
    net.stage.next_is_done().await?;
    let log = worker.stop()?;
    // sqlx tells of statements that take long; they did.
    let mut ours = log.iter().filter(|line| line["target"].to_string().contains("ostrakon"));
    ensure!(ours.all(|line| line["level"] == "INFO"), "{log:#?}");
    Ok(())
}

/// Waits until a batch waits for what a transaction holds.
async fn is_waited_for(stage: &Stage, held: &mut PgTransaction<'static>) -> Result<()> {
    let holder: i32 = sqlx::query_scalar("select pg_backend_pid()").fetch_one(&mut **held).await?;
    eventually("a batch that waits for the post", async || {
        let waits: bool = sqlx::query_scalar(
            "select exists (select from pg_stat_activity
                            where application_name like 'ostrakon:%'
                              and $1 = any (pg_blocking_pids(pid)))",
        )
        .bind(holder)
        .fetch_one(&stage.pool)
        .await?;
        Ok(waits.then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn resets_in_the_middle_of_batches_cost_no_try() -> Result<()> {
    let net = Net::new().await?;
    let mut worker = Worker::start(&net.remote)?;
    let mut held = net.stage.hold(7).await?;
    let id = net.stage.queue_alice()?;
    for next in [17, 27, 30] {
        // Not one whose connection was cut before, and that PostgreSQL has not ended yet.
        is_waited_for(&net.stage, &mut held).await?;
        let further = net.stage.hold(next).await?;
        ensure!(net.postgres.reset() >= 1, "nothing was open");
        net.redis.reset();
        let line = worker.expect("A batch was undone and is tried again")?;
        ensure!(line["tries"] == 1 && line["run_id"] == id, "{line}");
        held.rollback().await?;
        held = further;
    }
    held.rollback().await?;
    net.stage.went_straight(&id).await?;
    net.stage.next_is_done().await?;
    worker.stop()?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_in_a_black_hole_writes_nothing_more_and_comes_back() -> Result<()> {
    let net = Net::new().await?;
    let stage = &net.stage;
    let late = stage.hold(27).await?;
    let early = stage.hold(12).await?;
    let mut lost = Worker::start(&net.impatient())?;
    let id = stage.queue_alice()?;
    stage.stuck().await?;
    net.postgres.set(Link::BlackHole);
    let mut second = Worker::start(&stage.with_short_leases())?;
    early.rollback().await?;
    let claimed = second.expect("Working on delete_activities alice")?;
    ensure!(claimed["run_id"] == id && claimed["fence"] == 2, "{claimed}");
    stage.stuck().await?;
    net.postgres.set(Link::Open);
    // What it waits for never comes: it was swallowed.
    let line = lost.expect("is no longer this worker's")?;
    ensure!(line["run_id"] == id && line["level"] == "WARN", "{line}");
    let run = stage.run(&id).await?;
    ensure!((run.status.as_str(), run.done) == ("running", 5 * BATCH), "{run:?}");
    late.rollback().await?;
    stage.is_like_the_twin(&id).await?;
    let events = stage.events(&id).await?;
    ensure!(events == ["queued", "started", "planned", "taken_over", "succeeded"], "{events:?}");
    let run = stage.run(&id).await?;
    ensure!((run.attempt, run.crashes) == (0, 0), "{run:?}");

    second.stop()?;
    comes_back(stage).await?;
    lost.stop()?;
    Ok(())
}

/// What it is in the middle of is swallowed: claiming a run, and giving a sign of life.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_cut_off_while_it_claims_keeps_nothing_from_others() -> Result<()> {
    let net = Net::new().await?;
    let stage = &net.stage;
    let id = stage.queue_alice()?;
    let mut held = stage.pool.begin().await?;
    sqlx::raw_sql("lock table ostrakon.run_events, ostrakon.workers in exclusive mode")
        .execute(&mut *held)
        .await?;
    let lost = Worker::start(&net.impatient())?;
    // A claim and a sign of life.
    stage.others_are_stuck(2).await?;
    net.postgres.set(Link::BlackHole);
    held.rollback().await?;
    let second = Worker::start(&stage.with_short_leases())?;
    stage.went_straight(&id).await?;
    second.stop()?;
    net.postgres.set(Link::Open);
    comes_back(stage).await?;
    lost.stop()?;
    Ok(())
}

/// Every part of the only worker works: nobody notifies it of a run but its own reconciler.
async fn comes_back(stage: &Stage) -> Result<()> {
    let unheard = stage.with("OSTRAKON_REDIS_URL", "redis://127.0.0.1:1");
    let (last, _) = queue(&unheard, &["user", "deactivate", "carl@far.example"])?;
    stage.reaches(&last, "succeeded").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_whose_postgres_never_answers_again_gives_up_and_ends() -> Result<()> {
    let net = Net::new().await?;
    let held = net.stage.hold(12).await?;
    let mut worker = Worker::start(&net.impatient())?;
    let id = net.stage.queue_alice()?;
    net.stage.stuck().await?;
    net.postgres.set(Link::BlackHole);
    let line = worker.expect("The run is left to its lease")?;
    ensure!(line["run_id"] == id, "{line}");
    worker.signal("TERM")?;
    let signalled = Instant::now();
    let (status, log) = worker.end()?;
    let soon = signalled.elapsed() < Duration::from_secs(5);
    ensure!(status.code() == Some(0) && soon, "{log:#?}");
    let reported = |text: &str| log.iter().filter(|line| message(line).contains(text)).count();
    ensure!(reported("Workers cannot be notified of due runs for now") == 1, "{log:#?}");
    let last = log.last().context("nothing was logged")?;
    ensure!(message(last).contains("could not be removed from the list"), "{last}");
    held.rollback().await?;
    let _next = Worker::start(&net.stage.with_short_leases())?;
    net.stage.is_like_the_twin(&id).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_black_hole_before_redis_costs_no_run() -> Result<()> {
    let net = Net::new().await?;
    let held = net.stage.hold(12).await?;
    let mut worker = Worker::start(&net.remote)?;
    let id = net.stage.queue_alice()?;
    net.stage.stuck().await?;
    net.redis.set(Link::BlackHole);
    held.rollback().await?;
    net.stage.went_straight(&id).await?;
    worker.expect("no jobs are fetched from this queue now")?;
    // Notified in vain: this worker hears nothing.
    let (unheard, _) = net.stage.queue(&["user", "deactivate", "carl@far.example"])?;
    net.redis.set(Link::Open);
    worker.expect("jobs are fetched from this queue again")?;
    net.stage.reaches(&unheard, "succeeded").await?;
    worker.stop()?;
    Ok(())
}
