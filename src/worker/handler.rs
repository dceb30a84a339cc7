//! Handler of all jobs: what a worker does with a message.

use std::{pin::pin, sync::Arc, time::Instant};

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

use super::{LEDGER_TIMEOUT, outdated::Outdated, progress, turns::Turns};
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
        let mut next = self.try_claim(&notification).await;
        let mut turns: Option<Turns> = None;
        while let Some((job, claim)) = next.take() {
            if turns.is_none() {
                turns = Turns::of(&self.shared.session, &claim);
            }
            let gives_way = turns.as_ref().filter(|_| claim.group_id.is_some());
            let ended = self.work(&job, &claim, gives_way).await;
            if let Some(turns) = &mut turns {
                if matches!(ended, Ended::LeftToNewer(_)) {
                    turns.leave(claim.run_id);
                }
                next = self.next(turns).await;
            }
        }
    }

    /// Claims the run that is to be done next in the slot of a group: a single run that waits for a
    /// slot, otherwise the group's next one.
    async fn next(&self, turns: &Turns) -> Option<(AnyJob, Claim)> {
        let next = answered(LEDGER_TIMEOUT, turns.next()).await;
        let candidates = next
            .inspect_err(|error| debug!(%error, "The next run of a group could not be found"))
            .unwrap_or_default();
        for run_id in candidates {
            let claimed = self.try_claim(&Notification { run_id, request: None }).await;
            if claimed.is_some() {
                return claimed;
            }
        }
        None
    }

    async fn try_claim(&self, notification: &Notification) -> Option<(AnyJob, Claim)> {
        answered(LEDGER_TIMEOUT, self.claim(notification)).await.unwrap_or_else(|error| {
            // The reconciler notifies again when PostgreSQL is back.
            warn!(run_id = notification.run_id, %error, "A run could not be claimed");
            None
        })
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

    /// Works on a run. With `turns`, interrupts it as soon as a single run waits for a slot.
    async fn work(&self, job: &AnyJob, claim: &Claim, turns: Option<&Turns>) -> Ended {
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
        let interrupted = stop.child_token();
        let driver = session.driver(interrupted.clone());
        let (sender, receiver) = watch::channel(Progress::default());
        let every = session.settings.worker.progress_interval;
        let logging =
            AbortOnDropHandle::new(tokio::spawn(progress::log(claim.clone(), receiver, every)));
        let mut work = pin!(job.drive(&driver, server, claim, &sender));
        let ended = tokio::select! {
            ended = &mut work => ended,
            () = single_run_waits(turns) => {
                info!(run_id = claim.run_id, "Giving way to a single run");
                interrupted.cancel();
                work.await
            }
        };
        drop(logging);
        let progress = sender.borrow().clone();
        report(claim, &ended, &progress, begun);
        maintain(&driver, claim, job.tables(), &ended, &progress).await;
        ended
    }
}

/// Waits until a single run waits for a slot; for ever, if no group is being worked on.
async fn single_run_waits(turns: Option<&Turns>) {
    match turns {
        Some(turns) => turns.single_run_waits().await,
        None => std::future::pending().await,
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
