//! Forged messages in our queue: later messages still get through.

use anyhow::{Context as _, Result, ensure};
use ostrakon_engine::Class;

use super::bench::{Bench, Gate, envelope};
use crate::{Notifier as _, RedisNotifier};

const DATA: &str = "test:short:data";
const ACTIVE: &str = "test:short:active";
const SCHEDULED: &str = "test:short:scheduled";

#[tokio::test(flavor = "multi_thread")]
async fn one_worker_gets_past_everything_unreadable() -> Result<()> {
    let bench = Bench::start()?;
    let meta = |id: &str| format!("test:short:meta:{id}");
    // A payload that is not ours; an id without data or metadata; an id without metadata.
    bench.redis.command(&["HSET", DATA, "01JD0000000000000000000001", "garbage"])?;
    bench.redis.command(&["HSET", &meta("01JD0000000000000000000001"), "attempts", "0"])?;
    bench.redis.command(&["RPUSH", ACTIVE, "01JD0000000000000000000001", "nothing-behind-it"])?;
    bench.redis.command(&["HSET", DATA, "no-meta", "{}"])?;
    bench.redis.command(&["ZADD", SCHEDULED, "1", "no-meta"])?;
    // Metadata that apalis cannot parse.
    bench.redis.command(&["HSET", DATA, "bad-meta", "{}"])?;
    bench.redis.command(&["HSET", &meta("bad-meta"), "attempts", "zebra", "status", "Zebra"])?;
    bench.send("HSET", &[meta("bad-meta").as_bytes(), b"\xff", b"\xff"]).await?;
    bench.redis.command(&["RPUSH", ACTIVE, "bad-meta"])?;
    // Ids that apalis would not find again when acknowledging: integers and ULIDs are normalised.
    let long = "x".repeat(10_000);
    let ids: [&[u8]; 6] =
        [b"", b"007", b"+7", b"01jd0000000000000000000002", b"\xff\xfe", long.as_bytes()];
    for id in ids {
        bench.send("RPUSH", &[ACTIVE.as_bytes(), id]).await?;
    }
    bench.notify("good").await?;
    let mut consumer = bench.consumer(1, Gate::open())?;
    // The forged message with a time comes after it: ours are due by every clock.
    ensure!(consumer.ended("good").await? == 9);
    bench.reaches(&["SCARD", "test:short:done"], 11).await?;
    // Replies were fixed; no worker had to be replaced.
    ensure!(bench.count(&["ZCARD", "test:short:workers:started"])? == 1);
    consumer.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_envelope_under_a_foreign_id_is_still_delivered() -> Result<()> {
    let bench = Bench::start()?;
    let message = r#"{"run_id":"by-hand","job":"j","payload":{}}"#;
    bench.redis.command(&["HSET", DATA, "007", message])?;
    bench.redis.command(&["RPUSH", ACTIVE, "007"])?;
    let mut consumer = bench.consumer(1, Gate::open())?;
    ensure!(consumer.ended("by-hand").await? == 0);
    bench.reaches(&["SCARD", "test:short:done"], 1).await?;
    ensure!(bench.count(&["HLEN", DATA])? == 0);
    consumer.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_the_wrong_type_are_removed_while_serving() -> Result<()> {
    let bench = Bench::start()?;
    let mut consumer = bench.consumer(1, Gate::open())?;
    let keys = ["active", "scheduled", "workers", "data", "done", "dead", "signal"];
    for (number, key) in keys.into_iter().enumerate() {
        bench.redis.command(&["SET", &format!("test:short:{key}"), "forged"])?;
        let run_id = format!("after-{number}");
        bench.notify(&run_id).await?;
        consumer.ended(&run_id).await?;
    }
    // Metadata of the wrong type, for a message that is already being fetched.
    bench.redis.command(&["SET", "test:short:meta:forged", "forged"])?;
    bench.redis.command(&["RPUSH", ACTIVE, "forged"])?;
    bench.notify("last").await?;
    ensure!(consumer.ended("last").await? <= 1);
    consumer.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn more_due_messages_than_apalis_can_move_are_worked_off() -> Result<()> {
    let bench = Bench::start()?;
    let mut consumer = bench.consumer(4, Gate::open())?;
    bench.notify("before").await?;
    consumer.ended("before").await?;
    let flood = "for i = 1, 9000 do redis.call('ZADD', KEYS[1], i, 'forged-' .. i) end";
    ensure!(crate::MAX_WAITING < 8_000, "apalis fails from there on");
    bench.redis.command(&["EVAL", flood, "1", SCHEDULED])?;
    bench.redis.command(&["ZADD", SCHEDULED, "-5", "never-due", "99999999999", "in-5138"])?;
    bench.notify("good").await?;
    consumer.ended("good").await?;
    bench.reaches(&["ZCARD", SCHEDULED], 0).await?;
    consumer.stop().await
}

/// Peak memory of this process, in KiB.
fn peak_memory() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.context("no VmHWM")?.parse()?)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_far_too_long_is_never_read() -> Result<()> {
    let bench = Bench::start()?;
    let mut consumer = bench.consumer(1, Gate::open())?;
    bench.notify("before").await?;
    consumer.ended("before").await?;
    let before = peak_memory()?;
    let write = "local long = string.rep('x', 16 * 1024 * 1024)
                 redis.call('HSET', KEYS[1] .. ':data', 'long-data', long)
                 redis.call('HSET', KEYS[1] .. ':data', 'long-meta', '{}')
                 redis.call('HSET', KEYS[1] .. ':meta:long-meta', 'attempts', long)
                 redis.call('HSET', KEYS[1] .. ':meta:long-data', long, '1')
                 redis.call('RPUSH', KEYS[1] .. ':active', 'long-data', long, 'long-meta')
                 return redis.call('ZADD', KEYS[1] .. ':scheduled', 0, long .. 'y')";
    bench.redis.command(&["EVAL", write, "1", "test:short"])?;
    // Redis is busy writing all that to its file: a command would not wait for so long.
    RedisNotifier::new(bench.connection()?).notify(Class::Short, envelope("good")).await?;
    // Two of them are messages; an id of that length is not one.
    ensure!(consumer.ended("good").await? == 2);
    let more = peak_memory()?.saturating_sub(before);
    ensure!(more < 12 * 1024, "{more} KiB more");
    bench.reaches(&["SCARD", "test:short:done"], 4).await?;
    ensure!(bench.count(&["ZCARD", "test:short:workers:started"])? == 1);
    consumer.stop().await
}
