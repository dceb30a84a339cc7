//! Network faults of the distant worker: slow, broken or unresponsive.

use std::time::Duration;

use anyhow::Result;
use testkit::Link;
use tokio::time::sleep;

use crate::fleet::DISTANT;
use crate::round::Round;

/// Duration of a slow network.
const SLOW: Duration = Duration::from_secs(4);

/// Duration of a black hole: well beyond the lease, and occasionally minutes.
const HOLE: Duration = Duration::from_secs(6);
const LONG_HOLE: Duration = Duration::from_secs(90);

fn set(round: &Round<'_>, link: Link) {
    round.environment.postgres_link.0.set(link);
    round.environment.redis_link.0.set(link);
}

/// Delays every piece of data.
pub(super) async fn slow(round: &Round<'_>, random: u64) -> Result<Option<bool>> {
    let mut place = round.fleet.place(DISTANT).await;
    let Some(worker) = place.worker() else { return Ok(None) };
    let hit = round.works_soon(worker.pid()).await?;
    let latency = Duration::from_millis(50 + random % 300);
    set(round, Link::Slow { latency, jitter: latency / 2 });
    sleep(SLOW).await;
    set(round, Link::Open);
    Ok(Some(hit))
}

/// Cuts all connections with a reset.
pub(super) async fn reset(round: &Round<'_>) -> Result<Option<bool>> {
    let mut place = round.fleet.place(DISTANT).await;
    let Some(worker) = place.worker() else { return Ok(None) };
    let hit = round.works_soon(worker.pid()).await?;
    let cut = round.environment.postgres_link.0.reset() + round.environment.redis_link.0.reset();
    Ok(Some(hit && cut > 0))
}

/// Loses all data, in both directions, for longer than the lease.
pub(super) async fn swallow(round: &Round<'_>, random: u64) -> Result<Option<bool>> {
    let mut place = round.fleet.place(DISTANT).await;
    let Some(worker) = place.worker() else { return Ok(None) };
    let hit = round.works_soon(worker.pid()).await?;
    set(round, Link::BlackHole);
    sleep(if random.is_multiple_of(8) && round.is_long { LONG_HOLE } else { HOLE }).await;
    set(round, Link::Open);
    Ok(Some(hit))
}
