//! Delivery of messages to the handler, and how many run simultaneously.

use std::sync::Arc;

use anyhow::{Result, ensure};
use ostrakon_engine::Class;

use super::bench::{Bench, Event, Gate, begun, ended, quick, within};
use crate::{ConsumerSettings, Notifier as _, QueueError, RedisNotifier, waiting};

const DONE: &[&str] = &["SCARD", "test:short:done"];

#[tokio::test(flavor = "multi_thread")]
async fn an_announced_run_is_handled_and_acknowledged() -> Result<()> {
    let bench = Bench::start()?;
    bench.notify("r1").await?;
    let mut consumer = bench.consumer(1, Gate::open())?;
    consumer.expect(begun("r1")).await?;
    consumer.expect(ended("r1")).await?;
    bench.reaches(DONE, 1).await?;
    consumer.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn classes_have_queues_of_their_own() -> Result<()> {
    let bench = Bench::start()?;
    bench.producer().await?.notify(Class::Long, super::bench::envelope("long")).await?;
    bench.notify("short").await?;
    let mut connection = bench.connection()?;
    for class in Class::ALL {
        ensure!(waiting(&mut connection, class).await? == 1);
    }
    let mut consumer = bench.consumer(1, Gate::open())?;
    ensure!(consumer.ended("short").await? == 0);
    consumer.stop().await?;
    ensure!(waiting(&mut connection, Class::Long).await? == 1);
    ensure!(waiting(&mut connection, Class::Short).await? == 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_handlers_run_at_once_as_there_are_slots() -> Result<()> {
    let bench = Bench::start()?;
    for run_id in ["r1", "r2", "r3", "r4"] {
        bench.notify(run_id).await?;
    }
    let gate = Gate::closed();
    let mut consumer = bench.consumer(3, gate.clone())?;
    for _ in 0..3 {
        ensure!(matches!(consumer.event().await?, Event::Begun(_)));
    }
    // Three are held at the gate; the fourth waits in Redis.
    ensure!(consumer.received.is_empty());
    ensure!(waiting(&mut bench.connection()?, Class::Short).await? == 1);
    gate.let_pass(1);
    // A slot is free now: one ends, the fourth begins.
    ensure!(matches!(consumer.event().await?, Event::Ended(_)));
    ensure!(matches!(consumer.event().await?, Event::Begun(_)));
    gate.let_pass(3);
    bench.reaches(DONE, 4).await?;
    consumer.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_worker_gives_signs_of_life_and_keeps_its_message() -> Result<()> {
    let bench = Bench::start()?;
    bench.notify("long").await?;
    let gate = Gate::closed();
    let mut busy = bench.consumer(1, gate.clone())?;
    busy.expect(begun("long")).await?;
    let name = bench.redis.command(&["ZRANGE", "test:short:workers", "0", "0"])?;
    let last_sign = ["ZSCORE", "test:short:workers", &name];
    let first = bench.count(&last_sign)?;
    let mut idle = bench.consumer(1, Gate::open())?;
    // Twice the time after which a worker counts as dead.
    let later = async {
        while bench.count(&last_sign)? < first + 4 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        anyhow::Ok(())
    };
    within("four heartbeats of the busy worker", later).await??;
    ensure!(idle.received.is_empty(), "the message was taken from a living worker");
    gate.let_pass(1);
    busy.expect(ended("long")).await?;
    bench.reaches(DONE, 1).await?;
    idle.stop().await?;
    busy.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_acknowledged_and_frees_the_slot() -> Result<()> {
    let bench = Bench::start()?;
    bench.notify("panic").await?;
    let mut consumer = bench.consumer(1, Gate::open())?;
    consumer.expect(begun("panic")).await?;
    bench.notify("after").await?;
    consumer.expect(begun("after")).await?;
    consumer.expect(ended("after")).await?;
    bench.reaches(DONE, 2).await?;
    consumer.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_waits_for_the_running_handler_and_loses_nothing() -> Result<()> {
    let bench = Bench::start()?;
    bench.notify("running").await?;
    let gate = Gate::closed();
    let mut consumer = bench.consumer(2, gate.clone())?;
    consumer.expect(begun("running")).await?;
    consumer.shutdown.cancel();
    bench.notify("later").await?;
    gate.let_pass(1);
    consumer.stop().await?;
    // The end of the handler was reported before the consumer returned.
    ensure!(consumer.received.try_recv()? == ended("running"));
    ensure!(bench.count(DONE)? == 1, "the message was not acknowledged");
    ensure!(bench.count(&["ZCARD", "test:short:workers"])? == 0, "the worker is still listed");
    let mut next = bench.consumer(1, Gate::open())?;
    next.expect(begun("later")).await?;
    next.stop().await
}

#[tokio::test]
async fn impossible_settings_are_refused() -> Result<()> {
    let bench = Bench::start()?;
    let zero = ConsumerSettings { concurrency: 0, ..quick(1) };
    let hasty = ConsumerSettings { heartbeat_interval: std::time::Duration::ZERO, ..quick(1) };
    for settings in [zero, hasty] {
        let shutdown = tokio_util::sync::CancellationToken::new();
        let refused = RedisNotifier::new(bench.connection()?)
            .consume(settings, Class::Short, Arc::new(|_| Box::pin(async {})), shutdown)
            .await;
        ensure!(matches!(refused, Err(QueueError::Settings { .. })));
    }
    Ok(())
}
