//! A worker process: from the notification to the loop, and back when told to stop.

mod handler;
mod lifecycle;
mod progress;
mod reconciler;

use std::time::Duration;

use ostrakon_jobs::{
    engine::{Class, ledger},
    pleroma::Server,
};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    cli::Failure,
    queue::{self, Connection, ConsumerSettings},
    session::{NEWER_LEDGER, Session, fresh_worker_id},
};
use handler::Handler;
use lifecycle::Signals;

/// Seconds between a worker's signs of life in Redis, and how many may be missed: a day's worth.
///
/// apalis writes each by its machine's clock and looks at those of others by its own, so two
/// machines whose clocks differ would strike each other's workers from the list again and again.
/// What it is for, messages of dead workers, the ledger does better and sooner.
const HEARTBEAT: (u64, usize) = (5, 17_280);

/// How long the ledger may take for an answer, apart from the work on a run.
const LEDGER_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a worker that ends lets its reconciler end a round, and takes to strike itself from the
/// list of workers.
const SIGN_OFF_TIMEOUT: Duration = Duration::from_secs(2);

/// Runs jobs until SIGTERM or Ctrl-C, or until `ostrakon migrate` of a newer version was run.
pub(crate) async fn run(session: Session, server: Server) -> Result<(), Failure> {
    let mut signals = Signals::listen()
        .map_err(|error| Failure::Failed(format!("signals cannot be listened for: {error}")))?;
    let id = fresh_worker_id();
    let stop = CancellationToken::new();
    let connection = Connection::lazy(&session.settings.redis.queue())?;
    let worker = &session.settings.worker;
    info!(
        worker = id, flavour = %server.shape.flavour, host = server.host,
        concurrency = worker.concurrency, short_concurrency = worker.short_concurrency,
        redis = connection.address(), "The worker has started"
    );
    let handler = Handler::new(session.clone(), server, id.clone(), stop.clone());
    let mut tasks = JoinSet::new();
    for class in Class::ALL {
        let handler = handler.clone();
        tasks.spawn(queue::consume(
            consumer_settings(&session, class, &id),
            connection.clone(),
            class,
            stop.clone(),
            move |message| handler.clone().handle(message),
        ));
    }
    let outdated = CancellationToken::new();
    let reconciling = tokio::spawn(reconciler::reconcile(
        session.clone(),
        id.clone(),
        connection,
        stop.clone(),
        outdated.clone(),
    ));

    tokio::select! {
        () = signals.first() => info!(
            "Stopping: running batches are finished and their runs given back; again to end at once"
        ),
        () = outdated.cancelled() => warn!(
            "Stopping: ostrakon's own tables are those of a newer version now; running batches are \
             finished and their runs given back"
        ),
    }
    stop.cancel();
    let timeout = session.settings.worker.shutdown_timeout;
    tokio::select! {
        () = async { while tasks.join_next().await.is_some() {} } => info!("The worker has stopped"),
        () = signals.again() => warn!("Ended at once: batches under way are undone by PostgreSQL"),
        () = tokio::time::sleep(timeout) => warn!(
            timeout_s = timeout.as_secs(),
            "Ended: batches that did not finish in time are undone by PostgreSQL"
        ),
    }
    end(reconciling).await;
    sign_off(&session, &id).await;
    if outdated.is_cancelled() {
        return Err(Failure::Refused(format!(
            "{NEWER_LEDGER}, and start the worker again: its runs were given back and wait for it"
        )));
    }
    Ok(())
}

fn consumer_settings(session: &Session, class: Class, id: &str) -> ConsumerSettings {
    let worker = &session.settings.worker;
    let slots = match class {
        Class::Long => worker.concurrency,
        Class::Short => worker.short_concurrency,
    };
    ConsumerSettings {
        concurrency: usize::try_from(slots).unwrap_or(1),
        poll_interval: worker.poll_interval,
        heartbeat_interval: Duration::from_secs(HEARTBEAT.0),
        missed_heartbeats: HEARTBEAT.1,
        worker_name: id.to_owned(),
    }
}

/// Lets the reconciler end its round; after that it cannot put this worker on the list again.
async fn end(mut reconciling: JoinHandle<()>) {
    if tokio::time::timeout(SIGN_OFF_TIMEOUT, &mut reconciling).await.is_err() {
        reconciling.abort();
        let _aborted = reconciling.await;
    }
}

/// Strikes the worker from the list; when PostgreSQL is away, time does it.
async fn sign_off(session: &Session, id: &str) {
    let struck = async { ledger::forget(&mut *session.side_pool.acquire().await?, id).await };
    match tokio::time::timeout(SIGN_OFF_TIMEOUT, struck).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => warn!(%error, "The worker could not be struck from the list of workers"),
        Err(_elapsed) => warn!("The worker could not be struck from the list of workers in time"),
    }
}
