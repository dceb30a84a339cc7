//! Inline runs: a job done in this process.

use std::{pin::pin, time::Duration};

use futures::future::{Fuse, FusedFuture, FutureExt as _};
use ostrakon_engine::{
    Ended, Progress, Status, Wait, answered,
    ledger::{self, Claim, ControlError, Run},
    maintain,
};
use ostrakon_jobs::AnyJob;
use ostrakon_server::{Server, applied_migrations};
use tokio::{
    sync::watch,
    time::{interval, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{
    POLL_INTERVAL, find,
    interrupts::{Interrupts, Stop},
};
use crate::{
    failure::Failure,
    numbers::thousands,
    session::{Session, fresh_worker_id, operator},
};

/// Time limit for rolling back a dropped batch and recording the pause in the ledger.
const UNDOING_MAX: Duration = Duration::from_secs(15);

/// What an inline run reports.
#[derive(Debug)]
pub(crate) enum InlineEvent<'a> {
    /// Its progress; several times a second.
    Progress(&'a Progress),
    /// It waits for this, and checks again after a while; once per reason.
    Waits {
        /// End of a sentence that begins with "waits for".
        reason: &'a str,
        /// Time until the next check.
        delay: Duration,
    },
    /// It was interrupted, and pauses at the end of its batch.
    Pausing,
}

/// Receives the events of an inline run.
type Events<'a> = &'a mut dyn FnMut(InlineEvent<'_>);

/// Executes a run in this process. Whatever stops it also pauses the run: no worker may continue
/// what the user has just stopped.
pub(crate) async fn run_inline(
    session: &Session,
    server: &Server,
    job: &AnyJob,
    id: &str,
    interrupts: &mut Interrupts,
    events: Events<'_>,
) -> Result<Run, Failure> {
    let ended = Inline { session, server, job, id, interrupts }.drive(events).await?;
    let run = find(session, id).await?;
    match (ended, interrupts.stopped()) {
        (
            Ended::Succeeded
            | Ended::Incomplete
            | Ended::Failed(_)
            | Ended::Cancelled
            | Ended::Waiting(_),
            _,
        ) => Ok(run),
        (_, Some(stop)) if run.status == Status::Paused => Err(paused(&run, stop)),
        (Ended::Interrupted, _) => Err(Failure::Interrupted(format!(
            "stopped, but run {id} could not be paused: a worker will continue it. Pause it with: \
             ostrakon runs pause {id}. Stop it for good with: ostrakon runs cancel {id}"
        ))),
        (Ended::Retrying(error, delay), _) => Err(Failure::Failed(format!(
            "run {id} was rolled back to its last committed batch: {error}. A worker retries it \
             in {}; the same command does so immediately",
            humantime::format_duration(delay)
        ))),
        (Ended::Lost, _) => Err(Failure::Failed(format!(
            "run {id} was taken over by another worker, or the database connection was lost; see: \
             ostrakon runs show {id}"
        ))),
        (Ended::Paused, _) => Err(Failure::Failed(format!(
            "run {id} was paused; resume it with: ostrakon runs resume {id}"
        ))),
        (Ended::LeftToNewer(reason), _) => Err(Failure::Refused(format!(
            "run {id} was started by a newer version of ostrakon: {reason}. It was left \
             unchanged: update ostrakon, or leave the run to a worker of that version"
        ))),
    }
}

/// Reports the progress of a stopped run and the two ways to proceed.
fn paused(run: &Run, stop: Stop) -> Failure {
    let id = &run.id;
    let total = run.total.map_or_else(|| "?".to_owned(), thousands);
    let done = format!("{} of {total} items done", thousands(run.done));
    let ways = format!(
        "Resume it with: ostrakon runs resume {id} (a worker or the same command then continues \
         it). Stop it for good with: ostrakon runs cancel {id}"
    );
    match stop {
        Stop::Signal => Failure::Interrupted(format!("run {id} is paused, {done}. {ways}")),
        Stop::Timeout(timeout) => Failure::TimedOut(format!(
            "run {id} did not finish within {} and is paused, {done}. {ways}",
            humantime::format_duration(timeout)
        )),
    }
}

struct Inline<'a> {
    session: &'a Session,
    server: &'a Server,
    job: &'a AnyJob,
    id: &'a str,
    interrupts: &'a mut Interrupts,
}

impl Inline<'_> {
    /// Works on the run until it ends or is stopped.
    async fn drive(&mut self, events: Events<'_>) -> Result<Ended, Failure> {
        let mut said = String::new();
        loop {
            let ended = self.claim(events).await?;
            if self.interrupts.stopped().is_some() {
                // The run was handed back at the moment it was stopped.
                if !matches!(
                    ended,
                    Ended::Succeeded | Ended::Incomplete | Ended::Failed(_) | Ended::Cancelled
                ) {
                    pause(self.session, self.id).await?;
                }
                return Ok(ended);
            }
            let Ended::Waiting(Wait { delay, reason }) = ended else { return Ok(ended) };
            if said != reason {
                events(InlineEvent::Waits { reason: &reason, delay });
                said = reason;
            }
            tokio::select! {
                () = sleep(delay) => {}
                _ = self.interrupts.next() => {
                    pause(self.session, self.id).await?;
                    return Ok(Ended::Paused);
                }
            }
        }
    }

    /// Works on the run until it ends, is stopped, or has to wait.
    async fn claim(&mut self, events: &mut dyn FnMut(InlineEvent<'_>)) -> Result<Ended, Failure> {
        let Self { session, server, job, id, interrupts } = self;
        let claim = {
            let mut db = session.side_pool.acquire().await?;
            if applied_migrations(&mut db).await? != server.migrations {
                drop(db);
                pause(session, id).await?;
                return Err(Failure::Refused(format!(
                    "the server's own tables were migrated while this command was running; run \
                     {id} is paused. To examine the tables again and go on: ostrakon runs resume {id}"
                )));
            }
            ledger::claim(&mut db, id, &fresh_worker_id(), session.lease()).await?
        };
        let claim = claim.ok_or_else(|| {
            Failure::Refused(format!(
                "run {id} is being worked on by another process; follow it with: ostrakon runs \
                 watch {id}"
            ))
        })?;
        let stop = CancellationToken::new();
        let driver = session.inline_driver(stop.clone());
        let (sender, receiver) = watch::channel(Progress::default());
        let mut work = Box::pin(async {
            let ended = job.drive(&driver, server, &claim, &sender).await;
            let progress = sender.borrow().clone();
            maintain(&driver, &claim, job.tables(), &ended, &progress).await;
            ended
        });
        let mut pausing = pin!(Fuse::terminated());
        let mut ticks = interval(POLL_INTERVAL);
        let ended = loop {
            let again = interrupts.stopped().is_some();
            tokio::select! {
                ended = &mut work => break Some(ended),
                () = &mut pausing => {}
                _ = ticks.tick() => events(InlineEvent::Progress(&receiver.borrow())),
                _ = interrupts.next() => {
                    if again {
                        break None;
                    }
                    events(InlineEvent::Pausing);
                    pausing.set(pause_or_give_back(session, id, &stop).fuse());
                }
            }
        };
        drop(work);
        events(InlineEvent::Progress(&receiver.borrow()));
        match ended {
            Some(ended) => Ok(ended),
            // The first pause request gets the run's locks before any other session once the batch
            // is rolled back.
            None => drop_batch(session, &claim, pausing, interrupts).await,
        }
    }
}

/// Requests a pause, which takes effect at the end of a running batch, otherwise immediately. A run
/// that has ended meanwhile is left unchanged.
async fn pause(session: &Session, id: &str) -> Result<(), Failure> {
    let mut db = session.side_pool.acquire().await?;
    match ledger::pause(&mut db, id, &operator()).await {
        Ok(_) | Err(ControlError::Status { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Requests a pause of the run that this process works on. Stops the work even if there is nothing
/// to pause or the ledger is unreachable.
async fn pause_or_give_back(session: &Session, id: &str, stop: &CancellationToken) {
    let requested = async {
        let mut db = session.side_pool.acquire().await?;
        ledger::pause(&mut db, id, &operator()).await
    };
    if requested.await.is_err() {
        stop.cancel();
    }
}

/// Pauses a run whose batch was dropped. PostgreSQL rolls the batch back when it notices the closed
/// connection.
async fn drop_batch(
    session: &Session,
    claim: &Claim,
    first_wish: impl FusedFuture<Output = ()>,
    interrupts: &mut Interrupts,
) -> Result<Ended, Failure> {
    let undone = async {
        if !first_wish.is_terminated() {
            first_wish.await;
        }
        let mut db = session.side_pool.acquire().await?;
        ledger::pause_dropped(&mut db, claim, &operator()).await
    };
    let reported = tokio::select! {
        reported = answered(UNDOING_MAX, undone) => reported.ok(),
        _ = interrupts.next() => None,
    };
    match reported {
        Some(true) => Ok(Ended::Paused),
        Some(false) => Ok(Ended::Lost),
        None => Err(Failure::Interrupted(format!(
            "the batch is dropped, but run {id} could not be paused: when its lease expires, a \
             worker continues it. Stop it for good with: ostrakon runs cancel {id}",
            id = claim.run_id
        ))),
    }
}
