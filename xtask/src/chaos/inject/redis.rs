//! Redis dies, forgets, has no room, takes nothing, or does not answer.

use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;

use crate::chaos::round::Round;

/// How long a passing trouble lasts.
const TROUBLE: Duration = Duration::from_secs(2);

/// Longer than a worker waits for an answer.
const FREEZE: Duration = Duration::from_secs(12);

/// Kills it, and starts it again with what it had written down.
pub(super) async fn kill(round: &Round<'_>) -> Result<Option<bool>> {
    let mut redis = round.environment.redis.lock().await;
    let hit = round.is_at_work().await?;
    redis.kill()?;
    redis.restart()?;
    Ok(Some(hit))
}

/// Empties it.
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

/// Leaves it no memory.
pub(super) async fn fill_memory(round: &Round<'_>) -> Result<Option<bool>> {
    let redis = round.environment.redis.lock().await;
    let hit = round.is_at_work().await?;
    redis.command(&["CONFIG", "SET", "maxmemory", "1"])?;
    sleep(TROUBLE).await;
    redis.command(&["CONFIG", "SET", "maxmemory", "0"])?;
    Ok(Some(hit))
}

/// Makes it the replica of nobody: it takes no writes.
pub(super) async fn refuse_writes(round: &Round<'_>) -> Result<Option<bool>> {
    let redis = round.environment.redis.lock().await;
    let hit = round.is_at_work().await?;
    redis.command(&["REPLICAOF", "127.0.0.1", "1"])?;
    sleep(TROUBLE).await;
    redis.command(&["REPLICAOF", "NO", "ONE"])?;
    Ok(Some(hit))
}

/// Freezes it.
pub(super) async fn freeze(round: &Round<'_>) -> Result<Option<bool>> {
    let redis = round.environment.redis.lock().await;
    let hit = round.is_at_work().await?;
    redis.freeze()?;
    sleep(FREEZE).await;
    redis.thaw()?;
    Ok(Some(hit))
}
