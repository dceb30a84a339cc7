//! From a plan to a run in the ledger, and the notification of a worker. Always a list: a single
//! request is a list of one.

use std::time::Duration;

use ostrakon_engine::{
    FailPoint, JobError,
    ledger::{self, NewRun, Run},
};
use ostrakon_queue::{Envelope, Notifier, QueueError};
use ostrakon_server::Server;
use sqlx::PgConnection;
use tokio::time::sleep;

use super::{Planned, may_take_over};
use crate::{
    failure::Failure,
    session::{Session, operator},
};

/// Maximum number of runs per INSERT statement.
const PORTION: usize = 1_000;

/// Pauses before the transaction is tried again because another session holds a row that a job
/// changes when it is requested.
const PAUSES_MS: [u64; 3] = [100, 200, 400];

/// Who asks, why, and whether this process will do the work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Requester<'a> {
    /// Reason, for the record.
    pub(crate) reason: Option<&'a str>,
    /// Whether the run is done in this process: then a queued run of the same job is taken over.
    pub(crate) inline: bool,
}

/// A request, and what became of it.
#[derive(Debug)]
pub(crate) struct Enqueued {
    /// The request.
    pub(crate) planned: Planned,
    /// What became of it.
    pub(crate) outcome: Outcome,
}

/// What became of a request.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// A new run has this id.
    New(String),
    /// The run that was queued before has this id; it is due immediately.
    TakenOver(String),
    /// An unfinished run conflicts with it.
    Conflict(Box<Run>),
}

/// A run that workers may be notified of.
#[derive(Debug)]
pub(crate) struct Queued {
    /// Id of the run.
    pub(crate) id: String,
    /// The request.
    pub(crate) planned: Planned,
}

/// Writes the runs of a list to the ledger, all of them or none, with the immediate changes of
/// their jobs. Tries again, up to 3 times, while another session holds rows that a job changes
/// immediately. Refuses a database that may only be read.
pub(crate) async fn enqueue(
    session: &Session,
    server: &Server,
    list: Vec<Planned>,
    requester: Requester<'_>,
) -> Result<Vec<Enqueued>, Failure> {
    server.require_writable()?;
    let keys: Vec<String> = list.iter().map(|planned| planned.job.dedupe_key()).collect();
    let reasons: Vec<Option<String>> =
        list.iter().map(|planned| planned.reason(requester.reason)).collect();
    let operator = operator();
    let mut new = Vec::with_capacity(list.len());
    for ((planned, dedupe_key), reason) in list.iter().zip(&keys).zip(&reasons) {
        new.push(NewRun {
            job: planned.job.name(),
            class: planned.job.class(),
            payload: planned.job.payload().map_err(|error| Failure::Failed(error.to_string()))?,
            subject: planned.job.subject(),
            dedupe_key,
            plan: &planned.plan,
            requested_by: &operator,
            reason: reason.as_deref(),
        });
    }
    let mut pauses = PAUSES_MS.into_iter();
    let outcomes = loop {
        let mut tx = ostrakon_engine::begin(&session.pool, &session.settings.batch).await?;
        let mut enqueued = Vec::with_capacity(new.len());
        for portion in new.chunks(PORTION) {
            enqueued.extend(ledger::enqueue(&mut tx, portion).await?);
        }
        let outcomes = settle(&mut tx, server, &list, enqueued, requester).await;
        if let (Err(JobError::GaveWay(_)), Some(pause_ms)) = (&outcomes, pauses.next()) {
            tx.rollback().await?;
            sleep(Duration::from_millis(pause_ms)).await;
            continue;
        }
        let outcomes = outcomes?;
        FailPoint::BeforeEnqueueCommit.reach();
        tx.commit().await?;
        FailPoint::AfterEnqueueCommit.reach();
        break outcomes;
    };
    let all = list.into_iter().zip(outcomes);
    Ok(all.map(|(planned, outcome)| Enqueued { planned, outcome }).collect())
}

/// Makes the immediate changes of new runs, and takes over what may be taken over.
async fn settle(
    db: &mut PgConnection,
    server: &Server,
    list: &[Planned],
    enqueued: Vec<ledger::Enqueued>,
    requester: Requester<'_>,
) -> Result<Vec<Outcome>, JobError> {
    let mut outcomes = Vec::with_capacity(list.len());
    for (planned, enqueued) in list.iter().zip(enqueued) {
        outcomes.push(match enqueued {
            ledger::Enqueued::New { id } => {
                planned.job.on_enqueue(db, server).await?;
                Outcome::New(id)
            }
            ledger::Enqueued::Already(run)
                if requester.inline && may_take_over(&run, &planned.job) =>
            {
                // It may be waiting for its next attempt.
                ledger::make_due_now(db, &run.id).await?;
                Outcome::TakenOver(run.id)
            }
            ledger::Enqueued::Already(run) => Outcome::Conflict(run),
        });
    }
    Ok(outcomes)
}

/// Writes the run of a single request.
pub(crate) async fn enqueue_one(
    session: &Session,
    server: &Server,
    planned: Planned,
    requester: Requester<'_>,
) -> Result<Enqueued, Failure> {
    let mut list = enqueue(session, server, vec![planned], requester).await?;
    list.pop().ok_or_else(|| Failure::Failed("nothing was queued".to_owned()))
}

/// Whether workers could be notified of new runs. Those of which they were not find the runs by
/// themselves.
#[derive(Debug)]
pub(crate) enum Notified {
    /// Of all for which there was room.
    Yes,
    /// Not, or not of all.
    No(QueueError),
}

/// Notifies workers of runs of one class, as far as there is room.
pub(crate) async fn notify(
    session: &Session,
    runs: &[Queued],
    notifier: Option<Box<dyn Notifier>>,
) -> Result<Notified, Failure> {
    let mut sent = Vec::new();
    let done = send(session, runs, notifier, &mut sent).await;
    let mut db = session.side_pool.acquire().await?;
    ledger::mark_notified(&mut db, &sent).await?;
    Ok(match done {
        Ok(()) => Notified::Yes,
        Err(error) => Notified::No(error),
    })
}

async fn send(
    session: &Session,
    runs: &[Queued],
    notifier: Option<Box<dyn Notifier>>,
    sent: &mut Vec<String>,
) -> Result<(), QueueError> {
    let Some(first) = runs.first() else { return Ok(()) };
    let mut notifier = match notifier {
        Some(notifier) => notifier,
        None => session.notifier().await?,
    };
    let class = first.planned.job.class();
    // With no room, workers were notified often enough.
    let room = usize::try_from(notifier.room(class).await?).unwrap_or(usize::MAX);
    for Queued { id, planned } in runs.iter().take(room) {
        let payload = planned
            .job
            .payload()
            .map_err(|error| QueueError::Message { reason: error.to_string() })?;
        let job = planned.job.name().to_owned();
        notifier.notify(class, Envelope { run_id: id.clone(), job, payload }).await?;
        sent.push(id.clone());
    }
    Ok(())
}

/// Connects to the notifier before anything is written, if it is required. Invalid settings are an
/// error in any case: they do not become valid by waiting.
pub(crate) async fn required_notifier(
    session: &Session,
    required: bool,
) -> Result<Option<Box<dyn Notifier>>, Failure> {
    let redis = session.settings.notifying_redis();
    if let Some(redis) = &redis {
        redis.check()?;
    }
    if !required {
        return Ok(None);
    }
    let notifier = session.notifier().await;
    Ok(Some(notifier.map_err(|error| Failure::from(error).and("Nothing was queued."))?))
}
