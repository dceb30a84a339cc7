//! Worker faults: death, freeze, stop, wrong time.

use std::os::unix::process::ExitStatusExt as _;
use std::time::{Duration, Instant};

use anyhow::Result;
use ostrakon_engine::FailPoint;
use rustix::process::Signal;
use tokio::sync::MutexGuard;
use tokio::time::sleep;

use super::{DEADLINE, eventually};
use crate::fleet::{BIRTH, DISTANT, Place};
use crate::round::Round;

/// Duration of a wrong clock.
const WRONG_TIME: Duration = Duration::from_secs(3);

/// Number of SIGTERM in an exit status.
const SIGTERM: i32 = 15;

/// Returns a worker that is working and not locked by another fault.
async fn victim_at_work<'a>(
    round: &'a Round<'_>,
    random: u64,
) -> Result<Option<MutexGuard<'a, Place>>> {
    let at_work = round.at_work().await?;
    Ok(if at_work.is_empty() { None } else { round.fleet.victim(random, &at_work) })
}

/// Kills a worker.
pub(super) async fn kill(round: &Round<'_>, random: u64) -> Result<Option<bool>> {
    let Some(mut place) = victim_at_work(round, random).await? else { return Ok(None) };
    let Some(worker) = place.worker() else { return Ok(None) };
    let pid = worker.pid();
    worker.kill()?;
    // Its leases stay for a while: no other worker has taken its runs yet.
    let hit = round.held_by(pid).await? > 0;
    round.fleet.replace(&mut place, None)?;
    sleep(BIRTH).await;
    Ok(Some(hit))
}

/// Replaces a worker with one that dies at a fail point of the loop. The watcher that replaces dead
/// workers counts the death.
pub(super) async fn die_at(round: &Round<'_>, random: u64) -> Result<Option<bool>> {
    let Some(mut place) = round.fleet.victim(random / 7, &[]) else { return Ok(None) };
    let all = FailPoint::ALL;
    let point = all[usize::try_from(random % all.len() as u64).unwrap_or(0)];
    if matches!(point, FailPoint::BeforeEnqueueCommit | FailPoint::AfterEnqueueCommit) {
        // Fail points of a command, not of a worker: clients die there.
        return Ok(None);
    }
    round.fleet.replace(&mut place, Some(point))?;
    sleep(BIRTH).await;
    Ok(Some(false))
}

/// Freezes a worker for longer than its lease, so that others take over its runs, and then resumes
/// it.
pub(super) async fn freeze(round: &Round<'_>, random: u64) -> Result<Option<bool>> {
    let Some(mut place) = victim_at_work(round, random).await? else { return Ok(None) };
    let Some(worker) = place.worker() else { return Ok(None) };
    worker.signal(Signal::STOP)?;
    let held = round.claims_of(worker.pid()).await?;
    let taken_over = eventually("a frozen worker's runs taken over", DEADLINE, async || {
        let lost = round.lost_claims(&held).await?;
        Ok((lost == held.len()).then_some(!held.is_empty()))
    });
    let hit = taken_over.await;
    worker.signal(Signal::CONT)?;
    Ok(Some(hit?))
}

/// Asks a worker to stop, and waits for its end.
pub(super) async fn terminate(round: &Round<'_>, random: u64) -> Result<Option<bool>> {
    let Some(mut place) = victim_at_work(round, random).await? else { return Ok(None) };
    let Some(worker) = place.worker() else { return Ok(None) };
    let hit = round.held_by(worker.pid()).await? > 0;
    worker.signal(Signal::TERM)?;
    let begun = Instant::now();
    let status = eventually("the end of a worker", DEADLINE, async || worker.ended()).await?;
    // A worker that had only just started had nothing to give back.
    let was_young = status.signal() == Some(SIGTERM) && !round.ever_worked(worker.pid()).await?;
    if worker.dies_at.is_none() && !was_young && !status.success() {
        round.violation(format!("a worker that was told to stop ended with {status}"));
    }
    let took = begun.elapsed();
    {
        let mut tally = round.tally();
        tally.longest_term = tally.longest_term.max(took);
    }
    round.fleet.replace(&mut place, None)?;
    Ok(Some(hit))
}

/// Sets a worker's clock forward or back by an hour, and then restores it.
pub(super) async fn jump(round: &Round<'_>, random: u64) -> Result<Option<bool>> {
    let mut place = round.fleet.place(DISTANT).await;
    let Some(worker) = place.worker() else { return Ok(None) };
    let pid = worker.pid();
    let hit = round.works_soon(pid).await?;
    let clock = &round.environment.clock;
    clock.set(if random.is_multiple_of(2) { "+1h" } else { "-1h" })?;
    sleep(WRONG_TIME).await;
    clock.set("+0")?;
    Ok(Some(hit))
}
