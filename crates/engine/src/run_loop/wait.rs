//! Between two batches: rests, and pauses while a check throttles the run.

use std::time::{Duration, Instant};

use sqlx::PgPool;
use tokio::{sync::watch, time::sleep};
use tracing::{debug, info};

use super::RunLoop;
use crate::{
    Job, ThrottleCheck, Throttled,
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
    recorded: Option<(ThrottleCheck, Instant)>,
}

impl Throttle {
    pub(super) const fn new(snapshot: watch::Receiver<LoadSnapshot>) -> Self {
        Self { snapshot, recorded: None }
    }

    /// Waits for the first sample.
    pub(super) async fn first_sample(&mut self) {
        // A sampler that has ended holds nothing back.
        let _closed = self.snapshot.changed().await;
    }

    /// Waits until the next batch may begin, or until there is something else to do: the process
    /// should stop, or the operator requests something, which the next turn obeys.
    pub(super) async fn wait<J: Job>(&mut self, run: &mut RunLoop<'_, J>) {
        let worked = run.rests.take_work();
        let begun = Instant::now();
        let mut polled = begun;
        loop {
            let LoadSnapshot { throttled, load, active_runs } =
                self.snapshot.borrow_and_update().clone();
            run.set_load(load);
            run.rests.set_active_runs(active_runs);
            self.log_change(run, throttled.as_ref()).await;
            let left = run.rests.after(worked).saturating_sub(begun.elapsed());
            let wait = if throttled.is_some() { POLL_INTERVAL } else { left.min(POLL_INTERVAL) };
            if wait.is_zero() {
                return;
            }
            tokio::select! {
                () = sleep(wait) => {}
                () = run.driver.stop.cancelled() => break,
                Ok(()) = self.snapshot.changed() => {}
            }
            // A shorter rest is over before an operator could request anything.
            if polled.elapsed() >= POLL_INTERVAL {
                polled = Instant::now();
                if !should_wait(run).await {
                    break;
                }
            }
        }
        self.record(run, None).await;
    }

    /// Logs a change of the throttle, and then records it.
    async fn log_change<J: Job>(&mut self, run: &RunLoop<'_, J>, throttled: Option<&Throttled>) {
        if self.recorded.map(|(check, _)| check) == throttled.map(|throttled| throttled.check) {
            return;
        }
        let Claim { job, run_id, subject, .. } = run.claim;
        match (throttled, self.recorded) {
            (Some(Throttled { check, reason }), _) => {
                info!(job, run_id, subject, %check, "{job} {subject} is throttled: {reason}");
            }
            (None, Some((check, since))) => {
                let throttled_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
                info!(job, run_id, subject, %check, throttled_ms, "{job} {subject} continues");
            }
            (None, None) => {}
        }
        self.record(run, throttled).await;
    }

    /// Records a change of the throttle in the ledger, and reports it as progress.
    async fn record<J: Job>(&mut self, run: &RunLoop<'_, J>, throttled: Option<&Throttled>) {
        let was = self.recorded;
        let since = was.map_or_else(Instant::now, |(_, since)| since);
        self.recorded = throttled.map(|throttled| (throttled.check, since));
        if was.is_none() && throttled.is_none() {
            return;
        }
        let reason = throttled.map(|throttled| throttled.reason.clone());
        run.progress.send_modify(|progress| progress.throttled = reason);
        let written = persist(&run.driver.lease_pool, run.claim, throttled);
        if let Err(error) = answered(TIMEOUT, written).await {
            debug!(run_id = run.claim.run_id, %error, "The throttle could not be recorded in the ledger");
        }
    }
}

async fn persist(pool: &PgPool, claim: &Claim, throttled: Option<&Throttled>) -> sqlx::Result<()> {
    let mut db = pool.acquire().await?;
    match throttled {
        Some(throttled) => ledger::throttle_on(&mut db, claim, throttled).await,
        None => ledger::throttle_off(&mut db, claim).await,
    }
}

/// Whether a waiting run should keep waiting; takes over the speed that the operator requests.
async fn should_wait<J: Job>(run: &mut RunLoop<'_, J>) -> bool {
    let requested = async {
        let mut db = run.driver.lease_pool.acquire().await?;
        ledger::requested(&mut db, run.claim).await
    };
    match answered(TIMEOUT, requested).await {
        Ok(Some(requested)) => {
            run.rests.set_speed(requested.speed);
            requested.control == Control::Run
        }
        // The claim is lost: the next turn finds that out.
        Ok(None) => false,
        Err(error) => {
            debug!(run_id = run.claim.run_id, %error, "The ledger could not be asked");
            true
        }
    }
}
