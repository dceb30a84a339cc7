//! Between two batches: rests, and pauses while a check throttles the run.

use std::time::{Duration, Instant};

use sqlx::PgPool;
use tokio::{sync::watch, time::sleep};
use tracing::{debug, info};

use super::{
    Job, ThrottleCheck, Throttled,
    drive::Drive,
    ledger::{self, Claim, Control},
    throttle::LoadSnapshot,
    transaction::answered,
};

/// Interval at which a waiting run polls for the operator's requests.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Time limit for an answer of the ledger.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Throttle of one run, and what was recorded of it last.
pub(super) struct Throttle {
    /// Latest snapshot; unknown before the first sample.
    snapshot: watch::Receiver<LoadSnapshot>,
    /// The check that was recorded last, and since when the run has been throttled.
    noted: Option<(ThrottleCheck, Instant)>,
}

impl Throttle {
    pub(super) const fn new(snapshot: watch::Receiver<LoadSnapshot>) -> Self {
        Self { snapshot, noted: None }
    }

    /// Waits for the first sample.
    pub(super) async fn first_sample(&mut self) {
        // A sampler that has ended holds nothing back.
        let _closed = self.snapshot.changed().await;
    }

    /// Waits until the next batch may begin, or until there is something else to do: the process
    /// should stop, or the operator requests something, which the next turn obeys.
    pub(super) async fn between_batches<J: Job>(&mut self, drive: &mut Drive<'_, J>) {
        let worked = drive.pacing.take_work();
        let begun = Instant::now();
        let mut polled = begun;
        loop {
            let LoadSnapshot { throttled, load, active_runs } =
                self.snapshot.borrow_and_update().clone();
            drive.pacing.set_load(load);
            drive.pacing.set_active_runs(active_runs);
            self.say(drive, throttled.as_ref()).await;
            let left = drive.pacing.rest_after(worked).saturating_sub(begun.elapsed());
            let wait = if throttled.is_some() { POLL_INTERVAL } else { left.min(POLL_INTERVAL) };
            if wait.is_zero() {
                return;
            }
            tokio::select! {
                () = sleep(wait) => {}
                () = drive.driver.stop.cancelled() => break,
                Ok(()) = self.snapshot.changed() => {}
            }
            // A shorter rest is over before an operator could request anything.
            if polled.elapsed() >= POLL_INTERVAL {
                polled = Instant::now();
                if !goes_on(drive).await {
                    break;
                }
            }
        }
        self.note(drive, None).await;
    }

    /// Logs a change of the throttle, and then records it.
    async fn say<J: Job>(&mut self, drive: &Drive<'_, J>, throttled: Option<&Throttled>) {
        if self.noted.map(|(check, _)| check) == throttled.map(|throttled| throttled.check) {
            return;
        }
        let Claim { job, run_id, subject, .. } = drive.claim;
        match (throttled, self.noted) {
            (Some(Throttled { check, reason }), _) => {
                info!(job, run_id, subject, %check, "{job} {subject} is throttled: {reason}");
            }
            (None, Some((check, since))) => {
                let throttled_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
                info!(job, run_id, subject, %check, throttled_ms, "{job} {subject} continues");
            }
            (None, None) => {}
        }
        self.note(drive, throttled).await;
    }

    /// Records a change of the throttle in the ledger, and reports it as progress.
    async fn note<J: Job>(&mut self, drive: &Drive<'_, J>, throttled: Option<&Throttled>) {
        let was = self.noted;
        let since = was.map_or_else(Instant::now, |(_, since)| since);
        self.noted = throttled.map(|throttled| (throttled.check, since));
        if was.is_none() && throttled.is_none() {
            return;
        }
        let reason = throttled.map(|throttled| throttled.reason.clone());
        drive.progress.send_modify(|progress| progress.throttled = reason);
        let written = write_down(&drive.driver.lease_pool, drive.claim, throttled);
        if let Err(error) = answered(TIMEOUT, written).await {
            debug!(run_id = drive.claim.run_id, %error, "A check could not be written down");
        }
    }
}

async fn write_down(
    pool: &PgPool,
    claim: &Claim,
    throttled: Option<&Throttled>,
) -> sqlx::Result<()> {
    let mut db = pool.acquire().await?;
    match throttled {
        Some(throttled) => ledger::throttle_on(&mut db, claim, throttled).await,
        None => ledger::throttle_off(&mut db, claim).await,
    }
}

/// Whether a waiting run should keep waiting; takes over the speed that the operator requests.
async fn goes_on<J: Job>(drive: &mut Drive<'_, J>) -> bool {
    let requested = async {
        let mut db = drive.driver.lease_pool.acquire().await?;
        ledger::requested(&mut db, drive.claim).await
    };
    match answered(TIMEOUT, requested).await {
        Ok(Some(requested)) => {
            drive.pacing.set_speed(requested.speed);
            requested.control == Control::Run
        }
        // The claim is lost: the next turn finds that out.
        Ok(None) => false,
        Err(error) => {
            debug!(run_id = drive.claim.run_id, %error, "The ledger could not be asked");
            true
        }
    }
}
