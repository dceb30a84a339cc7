//! Redis cuts connections, is full, read-only or frozen, or holds what nobody of ours put there.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use sqlx::PgTransaction;
use testkit::Redis;

use super::{
    process::Worker,
    stage::{Stage, eventually},
};

/// How long Redis may take for an answer, before it counts as gone.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// A worker that stands in the middle of alice's run, on a Redis of its own.
struct Midway {
    stage: Stage,
    redis: Redis,
    worker: Worker,
    held: PgTransaction<'static>,
    id: String,
}

impl Midway {
    async fn reach() -> Result<Self> {
        let (stage, redis) = Stage::with_redis().await?;
        let held = stage.hold(12).await?;
        let worker = Worker::start(&stage.ostrakon)?;
        let id = stage.queue_alice()?;
        stage.stuck().await?;
        Ok(Self { stage, redis, worker, held, id })
    }

    /// While Redis is of no use: the run goes on to its end, and another job is queued with a
    /// warning. When it is mended, that one is done, and so is the next.
    async fn outlives(mut self, mend: impl FnOnce(&Redis) -> Result<()>) -> Result<()> {
        self.worker.expect("no jobs are fetched from this queue now")?;
        let said = self.stage.ostrakon.run(&["user", "deactivate", "dora", "--yes"])?;
        ensure!(said.code == 0, "{said:?}");
        ensure!(said.stderr.contains("The run is safe in the ledger"), "{said:?}");
        self.held.rollback().await?;
        self.stage.went_straight(&self.id).await?;
        mend(&self.redis)?;
        self.worker.expect("jobs are fetched from this queue again")?;
        eventually("the job that was queued meanwhile", async || {
            let done = "select exists (select from ostrakon.runs
                         where subject = 'dora' and status = 'succeeded' and attempt = 0)";
            let done: bool = sqlx::query_scalar(done).fetch_one(&self.stage.pool).await?;
            Ok(done.then_some(()))
        })
        .await?;
        self.stage.next_is_done().await?;
        self.worker.stop()?;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_connections_cost_no_run() -> Result<()> {
    let mut midway = Midway::reach().await?;
    let cut = midway.redis.command(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"])?;
    // One of each queue, one of the reconciler.
    ensure!(cut.parse::<u32>()? >= 3, "{cut}");
    midway.worker.expect("no jobs are fetched from this queue now")?;
    midway.worker.expect("jobs are fetched from this queue again")?;
    midway.held.rollback().await?;
    midway.stage.went_straight(&midway.id).await?;
    midway.stage.next_is_done().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_redis_costs_no_run() -> Result<()> {
    let midway = Midway::reach().await?;
    midway.redis.command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"])?;
    midway.redis.command(&["CONFIG", "SET", "maxmemory", "1"])?;
    let mend = |redis: &Redis| redis.command(&["CONFIG", "SET", "maxmemory", "0"]).map(drop);
    midway.outlives(mend).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_redis_costs_no_run() -> Result<()> {
    let midway = Midway::reach().await?;
    // A replica whose master is gone, as after a fail-over that went wrong. Port 1 is nobody's.
    midway.redis.command(&["REPLICAOF", "127.0.0.1", "1"])?;
    midway.outlives(|redis| redis.command(&["REPLICAOF", "NO", "ONE"]).map(drop)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_freezes_for_long_costs_no_run() -> Result<()> {
    let midway = Midway::reach().await?;
    midway.redis.freeze()?;
    let frozen = Instant::now();
    midway
        .outlives(|redis| {
            redis.thaw()?;
            ensure!(frozen.elapsed() > ANSWER_LIMIT, "{:?}", frozen.elapsed());
            Ok(())
        })
        .await
}

/// Puts messages into a queue by hand: copies of a message, garbage, ids with nothing behind them,
/// all due. apalis cannot move as many at once.
const FLOOD: &str = r"
local queue, message = KEYS[1], redis.call('HVALS', KEYS[1] .. ':data')[1]
for number = 1, 10000 do
    local id = string.format('flood-%05d', number)
    if number % 3 == 0 then
        redis.call('HSET', queue .. ':data', id, message)
    elseif number % 3 == 1 then
        redis.call('HSET', queue .. ':data', id, '\255{' .. string.rep('garbage', number % 50))
    end
    redis.call('ZADD', queue .. ':scheduled', number, id)
end
return redis.call('ZCARD', queue .. ':scheduled')";

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_messages_bricks_no_queue() -> Result<()> {
    let (stage, redis) = Stage::with_redis().await?;
    let id = stage.queue_alice()?;
    let long = format!("{}:long", stage.prefix);
    let waiting = redis.command(&["EVAL", FLOOD, "1", &long])?;
    ensure!(waiting == "10001", "{waiting}");
    let mut worker = Worker::start(&stage.with("OSTRAKON_WORKER_POLL_INTERVAL", "10ms"))?;
    stage.went_straight(&id).await?;
    let (behind, _) = stage.queue(&["user", "deactivate_all_from_instance", "far.example"])?;
    stage.reaches(&behind, "succeeded").await?;
    worker.expect("cannot be read; it was ignored")?;
    worker.stop()?;
    Ok(())
}
