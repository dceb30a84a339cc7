//! Redis faults: a crash, lost data, no memory, refused writes, no answer.

use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;

use crate::round::Round;

/// Duration of a temporary fault.
const TROUBLE: Duration = Duration::from_secs(2);

/// Longer than a worker waits for an answer.
const FREEZE: Duration = Duration::from_secs(12);

/// Kills Redis, and restarts it with the data that it had saved.
pub(super) async fn kill(round: &Round<'_>) -> Result<Option<bool>> {
    let mut redis = round.environment.redis.lock().await;
    let hit = round.is_at_work().await?;
    redis.kill()?;
    redis.restart()?;
    Ok(Some(hit))
}

/// Deletes all data.
pub(super) async fn flush(round: &Round<'_>) -> Result<Option<bool>> {
    let redis = round.environment.redis.lock().await;
    let hit = round.is_at_work().await?;
    redis.command(&["FLUSHALL"])?;
    Ok(Some(hit))
}

/// Cuts every connection.
pub(super) async fn cut(round: &Round<'_>) -> Result<Option<bool>> {
    let redis = round.environment.redis.lock().await;
    let hit = round.is_at_work().await?;
    let cut: i64 = redis.command(&["CLIENT", "KILL", "SKIPME", "yes"])?.trim().parse()?;
    Ok(Some(hit && cut > 0))
}

/// Leaves Redis no memory.
pub(super) async fn fill_memory(round: &Round<'_>) -> Result<Option<bool>> {
    let redis = round.environment.redis.lock().await;
    let hit = round.is_at_work().await?;
    redis.command(&["CONFIG", "SET", "maxmemory", "1"])?;
    sleep(TROUBLE).await;
    redis.command(&["CONFIG", "SET", "maxmemory", "0"])?;
    Ok(Some(hit))
}

/// Turns Redis into a replica of a server that does not exist, so that it refuses writes.
pub(super) async fn refuse_writes(round: &Round<'_>) -> Result<Option<bool>> {
    let redis = round.environment.redis.lock().await;
    let hit = round.is_at_work().await?;
    redis.command(&["REPLICAOF", "127.0.0.1", "1"])?;
    sleep(TROUBLE).await;
    redis.command(&["REPLICAOF", "NO", "ONE"])?;
    Ok(Some(hit))
}

/// Freezes Redis.
pub(super) async fn freeze(round: &Round<'_>) -> Result<Option<bool>> {
    let redis = round.environment.redis.lock().await;
    let hit = round.is_at_work().await?;
    redis.freeze()?;
    sleep(FREEZE).await;
    redis.thaw()?;
    Ok(Some(hit))
}
