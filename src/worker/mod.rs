//! Worker process: from the notification to the run loop, and the shutdown.

mod handler;
mod lifecycle;
mod outdated;
mod progress;
mod reconciler;
mod turns;

use std::{sync::Arc, time::Duration};

use ostrakon_engine::{Class, ledger};
use ostrakon_server::Server;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    failure::Failure,
    session::{Session, fresh_worker_id},
};
use handler::Handler;
use lifecycle::Signals;
use ostrakon_queue::ConsumerSettings;
use outdated::{Outdated, Reason};

/// Seconds between a worker's heartbeats in Redis, and how many may be missed: 24 hours' worth.
///
/// apalis writes each heartbeat by its machine's clock and compares those of others with its own
/// clock. Two machines with different clocks would therefore keep removing each other's workers
/// from the list. The ledger recovers the messages of dead workers better and sooner anyway.
const HEARTBEAT: (u64, usize) = (5, 17_280);

/// Time limit for an answer from the ledger, apart from the work on a run.
const LEDGER_TIMEOUT: Duration = Duration::from_secs(10);

/// Time limit for the last round of the reconciler at shutdown, and for removing the worker from
/// the list of workers.
const SIGN_OFF_TIMEOUT: Duration = Duration::from_secs(2);

/// Runs jobs until SIGTERM or Ctrl-C, or until a newer version has migrated the ledger or the server
/// was updated.
pub(crate) async fn run(session: Session, server: Server) -> Result<(), Failure> {
    let mut signals = Signals::listen()
        .map_err(|error| Failure::Failed(format!("cannot listen for signals: {error}")))?;
    let id = fresh_worker_id();
    let stop = CancellationToken::new();
    let notifier = session.lazy_notifier()?;
    let worker = &session.settings.worker;
    info!(
        worker = id,
        server = server.recognised(),
        host = server.host,
        concurrency = worker.concurrency,
        short_concurrency = worker.short_concurrency,
        notifications = notifier.address(),
        "The worker has started"
    );
    let outdated = Outdated::new(server.migrations.clone());
    let handler = Handler::new(session.clone(), server, id.clone(), outdated.clone(), stop.clone());
    let mut tasks = JoinSet::new();
    for class in Class::ALL {
        let handler = handler.clone();
        tasks.spawn(notifier.consume(
            consumer_settings(&session, class, &id),
            class,
            Arc::new(move |message| Box::pin(handler.clone().handle(message))),
            stop.clone(),
        ));
    }
    let reconciling = tokio::spawn(reconciler::reconcile(
        session.clone(),
        id.clone(),
        notifier,
        stop.clone(),
        outdated.clone(),
    ));

    tokio::select! {
        () = signals.first() => info!(
            "Stopping: finishing running batches and returning their runs; a second signal stops \
             immediately"
        ),
        () = outdated.wait() => warn!(
            reason = outdated.reason().map(Reason::text),
            "Stopping: this worker no longer knows the database; finishing running batches and \
             returning their runs"
        ),
    }
    stop.cancel();
    let timeout = session.settings.worker.shutdown_timeout;
    tokio::select! {
        () = async { while tasks.join_next().await.is_some() {} } => info!("The worker has stopped"),
        () = signals.again() => warn!("Stopped immediately: PostgreSQL rolls back open batches"),
        () = tokio::time::sleep(timeout) => warn!(
            timeout_s = timeout.as_secs(),
            "Stopped after the timeout: PostgreSQL rolls back open batches"
        ),
    }
    end(reconciling).await;
    sign_off(&session, &id).await;
    match outdated.reason() {
        None => Ok(()),
        Some(reason @ Reason::NewerLedger) => Err(Failure::Refused(format!(
            "{}, and start the worker again: its runs were returned and wait for it",
            reason.text()
        ))),
        Some(reason @ Reason::MigratedServer) => Err(Failure::Refused(format!(
            "{}; its runs were returned and wait. Start the worker again: it then examines the \
             tables again",
            reason.text()
        ))),
    }
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

/// Lets the reconciler finish its round; later, it cannot put this worker on the list again.
async fn end(mut reconciling: JoinHandle<()>) {
    if tokio::time::timeout(SIGN_OFF_TIMEOUT, &mut reconciling).await.is_err() {
        reconciling.abort();
        let _aborted = reconciling.await;
    }
}

/// Removes the worker from the list of workers; if PostgreSQL is unreachable, its entry expires.
async fn sign_off(session: &Session, id: &str) {
    let struck = async { ledger::forget(&mut *session.side_pool.acquire().await?, id).await };
    match tokio::time::timeout(SIGN_OFF_TIMEOUT, struck).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => warn!(%error, "The worker could not be removed from the list of workers"),
        Err(_elapsed) => warn!("The worker could not be removed from the list of workers in time"),
    }
}
