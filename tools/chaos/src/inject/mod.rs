//! Injects a fault, waits until it has hit, and restores normal operation.

mod network;
mod postgres;
mod queues;
mod redis;
mod workers;

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::{Instant, sleep};

use super::fault::Fault;
use super::operator;
use super::round::Round;

/// Time limit for anything that a fault waits for, whatever other faults happen meanwhile.
const DEADLINE: Duration = Duration::from_secs(90);

/// Interval between polls for something that offers no event.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Injects a fault. Returns whether it hit a run that was being worked on. `None` means that it
/// could not be injected now, because every possible victim was busy with another fault.
pub(super) async fn make(round: &Round<'_>, fault: Fault, random: u64) -> Result<Option<bool>> {
    match fault {
        Fault::WorkerKill => workers::kill(round, random).await,
        Fault::WorkerFailpoint => workers::die_at(round, random).await,
        Fault::WorkerZombie => workers::freeze(round, random).await,
        Fault::WorkerTerm => workers::terminate(round, random).await,
        Fault::WorkerClock => workers::jump(round, random).await,
        Fault::RedisKill => redis::kill(round).await,
        Fault::RedisFlush => redis::flush(round).await,
        Fault::RedisClientKill => redis::cut(round).await,
        Fault::RedisMemory => redis::fill_memory(round).await,
        Fault::RedisReadonly => redis::refuse_writes(round).await,
        Fault::RedisFreeze => redis::freeze(round).await,
        Fault::RedisBacklog => queues::pile_up(round).await,
        Fault::RedisGarbage => queues::write_nonsense(round, random).await,
        Fault::PostgresStop => postgres::stop(round).await,
        Fault::PostgresTerminate => postgres::terminate(round, random).await,
        Fault::PostgresDeadlock => postgres::deadlock(round).await,
        Fault::PostgresLock => postgres::hold_row(round).await,
        Fault::PostgresSlow => postgres::spoil_batches(round, "stuck").await,
        Fault::PostgresConnections => postgres::use_up_connections(round).await,
        Fault::PostgresFull => postgres::spoil_batches(round, "full").await,
        Fault::NetworkSlow => network::slow(round, random).await,
        Fault::NetworkReset => network::reset(round).await,
        Fault::NetworkHole => network::swallow(round, random).await,
        Fault::OperatorPause => operator::pause(round).await,
        Fault::OperatorCancel => operator::cancel(round).await,
        Fault::OperatorCrowd => operator::crowd(round).await,
    }
}

/// Polls until `look` returns something.
pub(super) async fn eventually<T>(
    what: &str,
    timeout: Duration,
    mut look: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let started = Instant::now();
    loop {
        if let Some(seen) = look().await? {
            return Ok(seen);
        }
        if started.elapsed() > timeout {
            bail!("{what}: not within {timeout:?}");
        }
        sleep(POLL_INTERVAL).await;
    }
}
