//! Queues a list of runs: writes them to the ledger and notifies workers.

use ostrakon_engine::{
    self,
    ledger::{self, NewRun},
};
use ostrakon_server::Server;
use serde_json::Value;

use super::Planned;
use crate::{
    cli::{
        Failure, Output,
        place::{SAME_COMMAND, warn_without_worker},
        run_json::RunJson,
        submit::RunOptions,
    },
    session::{Session, operator},
};
use ostrakon_queue::{Envelope, Notifier, QueueError};

/// Maximum number of runs per INSERT statement.
const PORTION: usize = 1_000;

/// Queued run of the list.
pub(super) struct Listed {
    /// ULID of the run.
    pub(super) id: String,
    /// Request that the run came from.
    pub(super) planned: Planned,
    payload: Value,
}

/// Writes all runs or none. Reports and skips those that another process has queued meanwhile.
pub(super) async fn enqueue(
    session: &Session,
    server: &Server,
    list: Vec<Planned>,
    options: &RunOptions,
    output: Output,
) -> Result<Vec<Listed>, Failure> {
    let ids = write(session, server, &list, options).await?;
    let mut runs = Vec::with_capacity(list.len());
    for (planned, id) in list.into_iter().zip(ids) {
        let Some(id) = id else {
            let subject = planned.job.subject();
            output.note(format!("{subject}: another session has queued it meanwhile"));
            continue;
        };
        let payload = payload(&planned)?;
        runs.push(Listed { id, planned, payload });
    }
    Ok(runs)
}

/// Writes one run; `None` if an unfinished run conflicts with it.
pub(super) async fn enqueue_one(
    session: &Session,
    server: &Server,
    planned: &Planned,
    options: &RunOptions,
) -> Result<Option<String>, Failure> {
    let ids = write(session, server, std::slice::from_ref(planned), options).await?;
    Ok(ids.into_iter().flatten().next())
}

async fn write(
    session: &Session,
    server: &Server,
    list: &[Planned],
    options: &RunOptions,
) -> Result<Vec<Option<String>>, Failure> {
    let keys: Vec<String> = list.iter().map(|planned| planned.job.dedupe_key()).collect();
    let operator = operator();
    let mut new = Vec::with_capacity(list.len());
    for (planned, dedupe_key) in list.iter().zip(&keys) {
        new.push(NewRun {
            job: planned.job.name(),
            class: planned.job.class(),
            payload: payload(planned)?,
            subject: planned.job.subject(),
            dedupe_key,
            plan: &planned.plan,
            requested_by: &operator,
            reason: options.reason.as_deref(),
        });
    }
    let mut tx = ostrakon_engine::begin(&session.pool, &session.settings.batch).await?;
    let mut ids = Vec::with_capacity(new.len());
    for portion in new.chunks(PORTION) {
        ids.extend(ledger::enqueue_all(&mut tx, portion).await?);
    }
    for (planned, _new) in list.iter().zip(&ids).filter(|(_, id)| id.is_some()) {
        planned.job.on_enqueue(&mut tx, server).await?;
    }
    tx.commit().await?;
    Ok(ids)
}

fn payload(planned: &Planned) -> Result<Value, Failure> {
    planned.job.payload().map_err(|error| Failure::Failed(error.to_string()))
}

/// Reports what was queued, notifies workers of as many runs as Redis has room for, and warns if no
/// worker is running. Workers find the other runs by themselves.
pub(super) async fn notify(
    session: &Session,
    runs: &[Listed],
    notifier: Option<Box<dyn Notifier>>,
    output: Output,
) -> Result<(), Failure> {
    for Listed { id, planned, .. } in runs {
        let (name, subject) = (planned.job.name(), planned.job.subject());
        output.result(format!("Queued {name} {subject} as run {id}."));
    }
    let mut sent = Vec::new();
    if let Err(error) = send_notification(session, runs, notifier, &mut sent).await {
        output.warning(format!(
            "{error}\nThe runs are safe in the ledger: a worker will pick them up when Redis is \
             back."
        ));
    }
    {
        let mut db = session.side_pool.acquire().await?;
        ledger::mark_notified(&mut db, &sent).await?;
    }
    warn_without_worker(session, SAME_COMMAND, output).await?;
    Ok(())
}

async fn send_notification(
    session: &Session,
    runs: &[Listed],
    notifier: Option<Box<dyn Notifier>>,
    sent: &mut Vec<String>,
) -> Result<(), QueueError> {
    let Some(first) = runs.first() else { return Ok(()) };
    let mut notifier = match notifier {
        Some(notifier) => notifier,
        None => session.notifier().await?,
    };
    // All runs of a list have the same class.
    let class = first.planned.job.class();
    let room = usize::try_from(notifier.room(class).await?).unwrap_or(usize::MAX);
    for Listed { id, planned, payload } in runs.iter().take(room) {
        let job = planned.job.name().to_owned();
        let envelope = Envelope { run_id: id.clone(), job, payload: payload.clone() };
        notifier.notify(class, envelope).await?;
        sent.push(id.clone());
    }
    Ok(())
}

/// Prints the runs as JSON.
pub(super) async fn show(
    session: &Session,
    runs: &[Listed],
    output: Output,
) -> Result<(), Failure> {
    if !output.json {
        return Ok(());
    }
    let ids: Vec<String> = runs.iter().map(|run| run.id.clone()).collect();
    let mut db = session.side_pool.acquire().await?;
    for run in ledger::find_all(&mut db, &ids).await? {
        output.object(&RunJson::of(&run));
    }
    Ok(())
}
