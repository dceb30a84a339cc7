//! What remains in Redis afterwards.

use anyhow::{Result, ensure};
use ostrakon_engine::Class;

use super::bench::{Bench, Gate};
use crate::{Notifier as _, janitor::sweep, waiting};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_of_finished_messages_and_ended_workers() -> Result<()> {
    let bench = Bench::start()?;
    let mut connection = bench.connection()?;
    let mut consumer = bench.consumer(4, Gate::open())?;
    let mut producer = bench.producer().await?;
    for number in 0..600 {
        let run = super::bench::envelope(&format!("r{number}"));
        producer.notify(Class::Short, run).await?;
    }
    bench.reaches(&["SCARD", "test:short:done"], 600).await?;
    consumer.stop().await?;
    producer.notify(Class::Short, super::bench::envelope("waiting")).await?;
    ensure!(sweep(&mut connection, Class::Short).await? == 600);
    ensure!(sweep(&mut connection, Class::Short).await? == 0);
    // The waiting message is untouched.
    ensure!(waiting(&mut connection, Class::Short).await? == 1);
    ensure!(bench.count(&["HLEN", "test:short:data"])? == 1);
    let mut keys: Vec<String> =
        bench.redis.command(&["KEYS", "test:*"])?.lines().map(str::to_owned).collect();
    keys.retain(|key| !key.starts_with("test:short:meta:"));
    keys.sort();
    ensure!(keys == ["test:short:data", "test:short:scheduled"], "{keys:?}");
    ensure!(bench.redis.command(&["KEYS", "test:short:meta:*"])?.lines().count() == 1);
    Ok(())
}

/// Stores a message without adding it to any queue.
fn keep(bench: &Bench, id: &str) -> Result<()> {
    bench.redis.command(&["HSET", "test:short:data", id, "{}"])?;
    bench.redis.command(&["HSET", &format!("test:short:meta:{id}"), "attempts", "0"])?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_worker_holds_that_is_not_heard_of_goes_with_it() -> Result<()> {
    let bench = Bench::start()?;
    let now = chrono::Utc::now().timestamp().to_string();
    bench.redis.command(&["ZADD", "test:short:workers:started", "1", "gone", &now, "alive"])?;
    bench.redis.command(&["ZADD", "test:short:workers", &now, "gone", &now, "alive"])?;
    for worker in ["gone", "alive"] {
        keep(&bench, worker)?;
        bench.redis.command(&["SADD", &format!("test:short:inflight:{worker}"), worker])?;
        let key = format!("test:short:workers:metadata:{worker}");
        bench.redis.command(&["HSET", &key, "backend_name", "RedisStorage"])?;
    }
    ensure!(sweep(&mut bench.connection()?, Class::Short).await? == 1);
    ensure!(bench.redis.command(&["HKEYS", "test:short:data"])? == "alive");
    for list in ["workers", "workers:started"] {
        let listed = bench.redis.command(&["ZRANGE", &format!("test:short:{list}"), "0", "-1"])?;
        ensure!(listed == "alive", "{list}: {listed}");
    }
    for (worker, left) in [("gone", 0), ("alive", 3)] {
        let keys = ["inflight", "meta", "workers:metadata"]
            .map(|kind| format!("test:short:{kind}:{worker}"));
        ensure!(bench.count(&["EXISTS", &keys[0], &keys[1], &keys[2]])? == left, "{worker}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_lives_is_heard_of_again_and_again() -> Result<()> {
    let bench = Bench::start()?;
    let mut consumer = bench.consumer(1, Gate::open())?;
    let started = "test:short:workers:started";
    bench.reaches(&["ZCARD", started], 1).await?;
    let name = bench.redis.command(&["ZRANGE", started, "0", "-1"])?;
    // As if it had been silent for a long time.
    bench.redis.command(&["ZADD", started, "1", &name])?;
    bench.reaches(&["ZCOUNT", started, "2", "+inf"], 1).await?;
    consumer.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_broken_acknowledgement_left_goes_when_nothing_is_under_way() -> Result<()> {
    let bench = Bench::start()?;
    keep(&bench, "nowhere")?;
    keep(&bench, "waiting")?;
    bench.redis.command(&["RPUSH", "test:short:active", "waiting"])?;
    let mut connection = bench.connection()?;
    ensure!(sweep(&mut connection, Class::Short).await? == 0);
    ensure!(bench.count(&["HLEN", "test:short:data"])? == 2);
    bench.redis.command(&["LREM", "test:short:active", "1", "waiting"])?;
    bench.redis.command(&["SADD", "test:short:done", "waiting"])?;
    // The first sweep removes the finished message; then nothing is under way.
    ensure!(sweep(&mut connection, Class::Short).await? == 2);
    ensure!(bench.redis.command(&["KEYS", "test:*"])?.is_empty());
    Ok(())
}
