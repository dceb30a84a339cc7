//! Progress log of a running job, every few seconds.

use std::time::Duration;

use chrono::{SecondsFormat, Utc};
use ostrakon_engine::{Meter, Progress, deliveries_note, ledger::Claim};
use tokio::sync::watch;
use tracing::info;

/// Logs a run's progress until the task is dropped.
pub(super) async fn log(claim: Claim, mut progress: watch::Receiver<Progress>, every: Duration) {
    // The first figures show the progress before this claim.
    if progress.changed().await.is_err() {
        return;
    }
    let meter = Meter::start(&progress.borrow());
    let mut ticks = tokio::time::interval(every);
    // The first tick is immediate.
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let progress = progress.borrow().clone();
        line(&claim, &progress, &meter);
    }
}

fn line(claim: &Claim, progress: &Progress, meter: &Meter) {
    let deliveries = deliveries_note(progress.deliveries_until, Utc::now())
        .map_or_else(String::new, |reported| format!("; {reported}"));
    info!(
        job = claim.job,
        run_id = claim.run_id,
        subject = claim.subject,
        done = progress.done,
        total = progress.total,
        parked = progress.parked,
        rows_per_s = meter.rate(progress).map(f64::round),
        eta_s = meter.eta(progress).map(|eta| eta.as_secs()),
        batches = progress.batches,
        throttled = progress.throttled,
        longest_batch_ms = u64::try_from(progress.longest_batch.as_millis()).unwrap_or(u64::MAX),
        deliveries_until = progress
            .deliveries_until
            .map(|until| until.to_rfc3339_opts(SecondsFormat::Millis, true)),
        "Progress of {} {}: {} of {}{deliveries}",
        claim.job,
        claim.subject,
        progress.done,
        progress.total.map_or_else(|| "?".to_owned(), |total| total.to_string())
    );
}
