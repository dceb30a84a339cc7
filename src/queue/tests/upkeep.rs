//! What is left in Redis afterwards.

use anyhow::{Result, ensure};
use kenoma_jobs::engine::Class;

use super::bench::{Bench, Gate};
use crate::queue::{sweep, waiting};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_of_finished_messages_and_ended_workers() -> Result<()> {
    let bench = Bench::start()?;
    let mut connection = bench.connection()?;
    let mut consumer = bench.consumer(4, Gate::open())?;
    let mut producer = bench.producer().await?;
    for number in 0..600 {
        let run = super::bench::envelope(&format!("r{number}"));
        producer.announce(Class::Short, run).await?;
    }
    bench.reaches(&["SCARD", "test:short:done"], 600).await?;
    consumer.stop().await?;
    producer.announce(Class::Short, super::bench::envelope("waiting")).await?;
    ensure!(sweep(&mut connection, Class::Short).await? == 600);
    ensure!(sweep(&mut connection, Class::Short).await? == 0);
    // The message that still waits is untouched.
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

#[tokio::test(flavor = "multi_thread")]
async fn metadata_of_killed_workers_goes_and_that_of_new_ones_stays() -> Result<()> {
    let bench = Bench::start()?;
    let started = "test:short:workers:started";
    let now = chrono::Utc::now().timestamp().to_string();
    bench.redis.command(&["ZADD", started, "1", "killed", "1", "alive", &now, "starting"])?;
    bench.redis.command(&["ZADD", "test:short:workers", &now, "alive"])?;
    for worker in ["killed", "alive", "starting"] {
        let key = format!("test:short:workers:metadata:{worker}");
        bench.redis.command(&["HSET", &key, "backend_name", "RedisStorage"])?;
    }
    sweep(&mut bench.connection()?, Class::Short).await?;
    let exists =
        |worker: &str| bench.count(&["EXISTS", &format!("test:short:workers:metadata:{worker}")]);
    ensure!(exists("killed")? == 0);
    ensure!(exists("alive")? == 1);
    ensure!(exists("starting")? == 1);
    Ok(())
}

/// Stores a message without putting it anywhere.
fn keep(bench: &Bench, id: &str) -> Result<()> {
    bench.redis.command(&["HSET", "test:short:data", id, "{}"])?;
    bench.redis.command(&["HSET", &format!("test:short:meta:{id}"), "attempts", "0"])?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_unregistered_worker_holds_goes_with_it() -> Result<()> {
    let bench = Bench::start()?;
    let now = chrono::Utc::now().timestamp().to_string();
    bench.redis.command(&["ZADD", "test:short:workers:started", "1", "gone", "1", "alive"])?;
    bench.redis.command(&["ZADD", "test:short:workers", &now, "alive"])?;
    for worker in ["gone", "alive"] {
        keep(&bench, worker)?;
        bench.redis.command(&["SADD", &format!("test:short:inflight:{worker}"), worker])?;
    }
    ensure!(sweep(&mut bench.connection()?, Class::Short).await? == 1);
    ensure!(bench.redis.command(&["HKEYS", "test:short:data"])? == "alive");
    ensure!(bench.count(&["EXISTS", "test:short:inflight:gone", "test:short:meta:gone"])? == 0);
    ensure!(bench.count(&["EXISTS", "test:short:inflight:alive", "test:short:meta:alive"])? == 2);
    Ok(())
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
    // The first sweep takes the finished one; then nothing is under way.
    ensure!(sweep(&mut connection, Class::Short).await? == 2);
    ensure!(bench.redis.command(&["KEYS", "test:*"])?.is_empty());
    Ok(())
}
