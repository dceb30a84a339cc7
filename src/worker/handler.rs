//! Handler of all jobs: what a worker does with a message.

use std::{sync::Arc, time::Instant};

use chrono::{SecondsFormat, Utc};
use ostrakon_engine::{
    Ended, FailPoint, Progress, Wait, answered, deliveries_note,
    ledger::{self, Claim},
    maintain,
};
use ostrakon_jobs::AnyJob;
use ostrakon_server::Server;
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::{debug, error, info, warn};

use super::{LEDGER_TIMEOUT, outdated::Outdated, progress};
use crate::session::Session;
use ostrakon_queue::{Envelope, Message};

/// Handler of a worker. Messages only notify: the ledger decides what is done.
#[derive(Clone)]
pub(super) struct Handler {
    shared: Arc<Shared>,
}

struct Shared {
    session: Session,
    server: Server,
    worker: String,
    outdated: Outdated,
    stop: CancellationToken,
}

/// What a message says of a run; anybody may have written it.
struct Notification {
    run_id: String,
    /// Job and payload, to be compared with the ledger's, where the message has them.
    request: Option<(String, Value)>,
}

impl Handler {
    pub(super) fn new(
        session: Session,
        server: Server,
        worker: String,
        outdated: Outdated,
        stop: CancellationToken,
    ) -> Self {
        Self { shared: Arc::new(Shared { session, server, worker, outdated, stop }) }
    }

    /// Executes the run of a message, if the ledger agrees.
    pub(super) async fn handle(self, message: Message) {
        let notification = match message {
            Message::Run(Envelope { run_id, job, payload }) => {
                Notification { run_id, request: Some((job, payload)) }
            }
            Message::Due { run_id } => Notification { run_id, request: None },
            Message::Unreadable { reason } => {
                warn!(reason, "A message in the queue cannot be read; it was ignored");
                return;
            }
        };
        match answered(LEDGER_TIMEOUT, self.claim(&notification)).await {
            Ok(Some((job, claim))) => self.work(&job, &claim).await,
            Ok(None) => {}
            // The reconciler notifies again when PostgreSQL is back.
            Err(error) => warn!(run_id = notification.run_id, %error, "A run could not be claimed"),
        }
    }

    /// Checks a message against the ledger and claims its run, if it is due.
    async fn claim(&self, notification: &Notification) -> sqlx::Result<Option<(AnyJob, Claim)>> {
        let Shared { session, worker, outdated, stop, .. } = &*self.shared;
        if stop.is_cancelled() {
            return Ok(None);
        }
        let Notification { run_id, request } = notification;
        let mut db = session.side_pool.acquire().await?;
        let Some(run) = ledger::find(&mut db, run_id).await? else {
            warn!(run_id, "A message names an unknown run; it was ignored");
            return Ok(None);
        };
        if let Some((job, payload)) = request
            && (run.job != *job || run.payload != *payload)
        {
            warn!(run_id, job, "A message differs from the ledger's run; it was ignored");
            return Ok(None);
        }
        let job = match AnyJob::of(&run) {
            Ok(job) => job,
            Err(error) => {
                warn!(run_id, %error, "A run is left for a newer worker");
                return Ok(None);
            }
        };
        if outdated.check(&mut db).await? {
            return Ok(None);
        }
        FailPoint::BeforeClaim.reach();
        let claim = ledger::claim(&mut db, run_id, worker, session.lease()).await?;
        if claim.is_some() {
            FailPoint::AfterClaim.reach();
        }
        if claim.is_none() {
            debug!(
                run_id,
                status = %run.status,
                "A run is not due, or another worker has claimed it"
            );
        }
        Ok(claim.map(|claim| (job, claim)))
    }

    async fn work(&self, job: &AnyJob, claim: &Claim) {
        let Shared { session, server, stop, .. } = &*self.shared;
        info!(
            job = claim.job,
            run_id = claim.run_id,
            subject = claim.subject,
            fence = claim.fence,
            "Working on {} {}",
            claim.job,
            claim.subject
        );
        let begun = Instant::now();
        let driver = session.driver(stop.clone());
        let (sender, receiver) = watch::channel(Progress::default());
        let every = session.settings.worker.progress_interval;
        let logging =
            AbortOnDropHandle::new(tokio::spawn(progress::log(claim.clone(), receiver, every)));
        let ended = job.drive(&driver, server, claim, &sender).await;
        drop(logging);
        let progress = sender.borrow().clone();
        report(claim, &ended, &progress, begun);
        maintain(&driver, claim, job.tables(), &ended, &progress).await;
    }
}

/// Logs once how a claim ended.
fn report(claim: &Claim, ended: &Ended, progress: &Progress, begun: Instant) {
    let Claim { job, run_id, subject, .. } = claim;
    let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let Progress { done, total, parked, batches, .. } = *progress;
    let longest_batch_ms = u64::try_from(progress.longest_batch.as_millis()).unwrap_or(u64::MAX);
    match ended {
        Ended::Failed(reason) => {
            error!(
                job,
                run_id,
                subject,
                done,
                total,
                parked,
                duration_ms,
                error = reason,
                "{job} {subject} has failed: {reason}"
            );
        }
        Ended::Retrying(reason, delay) => {
            warn!(
                job,
                run_id,
                subject,
                done,
                total,
                parked,
                duration_ms,
                error = reason,
                delay_s = delay.as_secs(),
                "{job} {subject} will be retried: {reason}"
            );
        }
        Ended::Waiting(Wait { delay, reason }) => {
            let delay_s = delay.as_secs();
            info!(
                job,
                run_id,
                subject,
                done,
                total,
                parked,
                duration_ms,
                delay_s,
                "{job} {subject} will continue later: it waits for {reason}"
            );
        }
        Ended::LeftToNewer(reason) => warn!(
            job,
            run_id,
            subject,
            error = reason,
            "{job} {subject} is left for a newer worker: {reason}"
        ),
        Ended::Lost => warn!(
            job,
            run_id,
            subject,
            duration_ms,
            "{job} {subject} is no longer this worker's; nothing more is written"
        ),
        Ended::Succeeded
        | Ended::Incomplete
        | Ended::Cancelled
        | Ended::Paused
        | Ended::Interrupted => {
            let how = match ended {
                Ended::Succeeded => "done",
                Ended::Incomplete => "incomplete: some items are parked",
                Ended::Cancelled => "cancelled",
                Ended::Paused => "paused",
                _ => "interrupted, to be continued",
            };
            let deliveries = deliveries_note(progress.deliveries_until, Utc::now())
                .map_or_else(String::new, |reported| format!("; {reported}"));
            info!(
                job,
                run_id,
                subject,
                done,
                total,
                parked,
                duration_ms,
                batches,
                longest_batch_ms,
                deliveries_until = progress
                    .deliveries_until
                    .map(|until| until.to_rfc3339_opts(SecondsFormat::Millis, true)),
                "{job} {subject} is {how}{deliveries}"
            );
        }
    }
}
