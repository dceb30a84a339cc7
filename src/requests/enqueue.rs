//! From plans to runs in the ledger, and the notification of a worker.

use std::time::Duration;

use ostrakon_engine::{
    FailPoint, JobError,
    ledger::{self, NewGroup, NewRun, Run},
};
use ostrakon_queue::{Envelope, Notifier, QueueError};
use ostrakon_server::Server;
use sqlx::PgConnection;
use tokio::time::sleep;
use ulid::Ulid;

use super::{Overridden, Planned, may_take_over};
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
    /// Guards that were overridden, for the record.
    pub(crate) overridden: Option<&'a Overridden>,
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

/// Writes the runs of a list to the ledger as one group about `subject`, all of them or none, with
/// the immediate changes of their jobs. If this process will do them, they start as paused, so that
/// no worker takes one before its turn. Returns the group's id, which is only an id if no run is
/// new.
pub(crate) async fn enqueue_group(
    session: &Session,
    server: &Server,
    list: Vec<Planned>,
    subject: &str,
    requester: Requester<'_>,
) -> Result<(String, Vec<Enqueued>), Failure> {
    let id = Ulid::generate().to_string();
    let enqueued = enqueue(session, server, list, Some((&id, subject)), requester).await?;
    Ok((id, enqueued))
}

/// Writes the runs of a list to the ledger, as a group if it has an id and a subject. Tries again,
/// up to 3 times, while another session holds rows that a job changes immediately. Refuses a
/// database that may only be read.
async fn enqueue(
    session: &Session,
    server: &Server,
    list: Vec<Planned>,
    group: Option<(&str, &str)>,
    requester: Requester<'_>,
) -> Result<Vec<Enqueued>, Failure> {
    server.require_writable()?;
    let keys: Vec<String> = list.iter().map(|planned| planned.job.dedupe_key()).collect();
    let reasons: Vec<Option<String>> =
        list.iter().map(|planned| planned.reason(requester.reason)).collect();
    let operator = operator();
    let overridden = requester.overridden.map(serde_json::to_value).transpose();
    let overridden = overridden.map_err(|error| Failure::Failed(error.to_string()))?;
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
            group_id: group.map(|(id, _)| id),
            held: requester.inline && group.is_some(),
            overridden: overridden.as_ref(),
        });
    }
    let mut pauses = PAUSES_MS.into_iter();
    let outcomes = loop {
        let mut tx = ostrakon_engine::begin(&session.pool, &session.settings.batch).await?;
        let mut enqueued = Vec::with_capacity(new.len());
        for portion in new.chunks(PORTION) {
            enqueued.extend(ledger::enqueue(&mut tx, portion).await?);
        }
        let is_new = |enqueued: &ledger::Enqueued| matches!(enqueued, ledger::Enqueued::New { .. });
        if let (Some((id, subject)), Some(first)) = (group, new.first())
            && enqueued.iter().any(is_new)
        {
            let NewRun { job, requested_by, .. } = *first;
            let reason = requester.reason;
            ledger::create_group(&mut tx, &NewGroup { id, job, subject, requested_by, reason })
                .await?;
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
    let mut list = enqueue(session, server, vec![planned], None, requester).await?;
    list.pop().ok_or_else(|| Failure::Failed("nothing was queued".to_owned()))
}

/// Whether workers could be notified of a new run. If not, they find it by themselves.
#[derive(Debug)]
pub(crate) enum Notified {
    /// They were, or there was no room.
    Yes,
    /// They could not be.
    No(QueueError),
}

/// Notifies workers of a run, if there is room: with no room, they were notified often enough.
pub(crate) async fn notify(
    session: &Session,
    queued: &Queued,
    notifier: Option<Box<dyn Notifier>>,
) -> Result<Notified, Failure> {
    match send(session, queued, notifier).await {
        Ok(sent) => {
            let sent = if sent { vec![queued.id.clone()] } else { Vec::new() };
            let mut db = session.side_pool.acquire().await?;
            ledger::mark_notified(&mut db, &sent).await?;
            Ok(Notified::Yes)
        }
        Err(error) => Ok(Notified::No(error)),
    }
}

/// Sends a notification if there is room for it. Returns whether there was.
async fn send(
    session: &Session,
    queued: &Queued,
    notifier: Option<Box<dyn Notifier>>,
) -> Result<bool, QueueError> {
    let Queued { id, planned } = queued;
    let mut notifier = match notifier {
        Some(notifier) => notifier,
        None => session.notifier().await?,
    };
    let class = planned.job.class();
    if notifier.room(class).await? == 0 {
        return Ok(false);
    }
    let payload =
        planned.job.payload().map_err(|error| QueueError::Message { reason: error.to_string() })?;
    let job = planned.job.name().to_owned();
    notifier.notify(class, Envelope { run_id: id.clone(), job, payload }).await?;
    Ok(true)
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
