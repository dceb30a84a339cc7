//! Redis is stopped, comes back, or comes back empty.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, ensure};
use tracing_subscriber::fmt::MakeWriter;

use super::bench::{Bench, Gate, begun, ended};
use crate::QueueError;
use crate::outage::Outage;

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_outlives_redis_and_is_not_doubled_in_its_process() -> Result<()> {
    let mut bench = Bench::start()?;
    bench.notify("long").await?;
    let gate = Gate::closed();
    let mut consumer = bench.consumer(2, gate.clone())?;
    consumer.expect(begun("long")).await?;
    bench.redis.kill()?;
    bench.redis.restart()?;
    // The dead worker's message is delivered again, recognised, and acknowledged.
    bench.reaches(&["SCARD", "test:short:done"], 1).await?;
    bench.notify("next").await?;
    consumer.expect(begun("next")).await?;
    gate.let_pass(2);
    let mut ends = [consumer.event().await?, consumer.event().await?];
    ends.sort_by_key(|event| *event == ended("next"));
    ensure!(ends == [ended("long"), ended("next")]);
    consumer.stop().await?;
    ensure!(consumer.received.try_recv().is_err(), "something was handled twice");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_stay_taken_by_handlers_that_outlive_their_worker() -> Result<()> {
    let mut bench = Bench::start()?;
    bench.notify("first").await?;
    let gate = Gate::closed();
    let mut consumer = bench.consumer(1, gate.clone())?;
    consumer.expect(begun("first")).await?;
    bench.redis.restart()?;
    bench.notify("second").await?;
    // The second worker has started once two are counted; it has no slot to fetch with.
    bench.reaches(&["ZCARD", "test:short:workers:started"], 2).await?;
    gate.let_pass(2);
    consumer.expect(ended("first")).await?;
    consumer.expect(begun("second")).await?;
    consumer.expect(ended("second")).await?;
    consumer.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_redis_is_served_again() -> Result<()> {
    let bench = Bench::start()?;
    let gate = Gate::closed();
    let mut consumer = bench.consumer(2, gate.clone())?;
    bench.notify("before").await?;
    consumer.expect(begun("before")).await?;
    bench.redis.command(&["FLUSHALL"])?;
    bench.notify("after").await?;
    consumer.expect(begun("after")).await?;
    gate.let_pass(2);
    consumer.event().await?;
    consumer.event().await?;
    consumer.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_may_come_later_than_the_worker() -> Result<()> {
    let mut bench = Bench::start()?;
    bench.notify("waiting").await?;
    bench.redis.kill()?;
    let mut consumer = bench.consumer(1, Gate::open())?;
    bench.redis.restart()?;
    consumer.expect(begun("waiting")).await?;
    consumer.expect(ended("waiting")).await?;
    consumer.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_stops_while_redis_is_away() -> Result<()> {
    let mut bench = Bench::start()?;
    bench.notify("running").await?;
    let gate = Gate::closed();
    let mut consumer = bench.consumer(1, gate.clone())?;
    consumer.expect(begun("running")).await?;
    bench.redis.kill()?;
    consumer.shutdown.cancel();
    gate.let_pass(1);
    consumer.expect(ended("running")).await?;
    consumer.stop().await
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[test]
fn an_outage_is_logged_once_at_each_end() -> Result<()> {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).finish();
    tracing::subscriber::with_default(subscriber, || {
        let outage = Outage::new("test:short".to_owned());
        let error = QueueError::Unreachable { address: "h:1".into(), reason: "refused".into() };
        outage.ended();
        for _ in 0..3 {
            outage.begun(&error);
        }
        outage.ended();
        outage.ended();
    });
    let text = log.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let text = String::from_utf8(text)?;
    ensure!(text.lines().count() == 2, "{text}");
    ensure!(text.contains("h:1") && text.contains("again"));
    Ok(())
}
