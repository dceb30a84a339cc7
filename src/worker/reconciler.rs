//! Notifies workers again of runs that are due and not being worked on.
//!
//! A lost notification, an emptied Redis, an expired lease, a due retry: all are handled alike.
//! Notifying too often is harmless, since only a due run can be claimed.

use std::time::{Duration, Instant};

use ostrakon_engine::{
    Class, FailPoint, answered,
    ledger::{self, Worker},
};
use sqlx::PgTransaction;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::{LEDGER_TIMEOUT, outdated::Outdated};
use crate::session::{Session, host_name};
use ostrakon_queue::{Envelope, Notifier, QueueError};

/// Rounds after which workers are notified again of a run that still waits.
const TIMEOUT_ROUNDS: u32 = 3;

/// Maximum number of runs per class and round that workers are notified of, so that a round stays
/// short.
const NOTIFIED_PER_ROUND: i64 = 200;

/// Time limit for the notifications of one class in a round: with a slow Redis, not all due runs
/// fit. The next round does the rest.
const NOTIFY_TIMEOUT: Duration = Duration::from_secs(20);

/// Advisory lock that lets only one worker reconcile at a time; the key is "ostrak" in ASCII.
const ADVISORY_LOCK: i64 = 0x6F73_7472_616B;

#[derive(Debug, thiserror::Error)]
enum ReconcileError {
    #[error("PostgreSQL: {0}")]
    Database(#[from] sqlx::Error),
    #[error("{0}")]
    Queue(#[from] QueueError),
}

/// Reconciles every few seconds until stopped. If what this worker knows of the database is true no
/// more, says so and cancels `outdated`.
pub(super) async fn reconcile(
    session: Session,
    worker: String,
    notifier: Box<dyn Notifier>,
    stop: CancellationToken,
    outdated: Outdated,
) {
    let this = Worker {
        id: worker,
        host: host_name(),
        pid: i32::try_from(std::process::id()).unwrap_or(i32::MAX),
    };
    let every = session.settings.worker.reconcile_interval;
    let timeout = every * TIMEOUT_ROUNDS;
    let mut reconciler = Reconciler { session, this, notifier, timeout, outdated, troubled: false };
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => reconciler.tick().await,
        }
    }
}

/// Due runs, and the transaction whose lock keeps other workers from notifying of them.
struct Due {
    tx: PgTransaction<'static>,
    runs: Vec<ledger::Run>,
}

struct Reconciler {
    session: Session,
    this: Worker,
    notifier: Box<dyn Notifier>,
    timeout: Duration,
    outdated: Outdated,
    troubled: bool,
}

impl Reconciler {
    /// Runs one round; logs an outage once, and its end once.
    async fn tick(&mut self) {
        match (self.round().await, self.troubled) {
            (Err(trouble), false) => {
                warn!(error = %trouble, "Workers cannot be notified of due runs for now");
                self.troubled = true;
            }
            (Err(trouble), true) => {
                debug!(error = %trouble, "Workers still cannot be notified of due runs");
            }
            (Ok(()), true) => {
                info!("Workers are notified of due runs again");
                self.troubled = false;
            }
            (Ok(()), false) => {}
        }
    }

    async fn round(&mut self) -> Result<(), ReconcileError> {
        if !answered(LEDGER_TIMEOUT, self.sign()).await? {
            return Ok(());
        }
        for class in Class::ALL {
            self.notifier.clean_up(class).await?;
            self.notify_due(class).await?;
        }
        Ok(())
    }

    /// Records this worker as alive, unless it is outdated. Returns whether it is not.
    async fn sign(&self) -> sqlx::Result<bool> {
        let mut db = self.session.side_pool.acquire().await?;
        if self.outdated.check(&mut db).await? {
            return Ok(false);
        }
        ledger::seen(&mut db, &self.this).await?;
        Ok(true)
    }

    /// Finds due runs, and locks out other reconcilers until the transaction ends. `None` if
    /// another worker holds the lock.
    async fn due(&self, class: Class, limit: i64) -> sqlx::Result<Option<Due>> {
        let mut tx = self.session.side_pool.begin().await?;
        if !ledger::try_exclusive(&mut tx, ADVISORY_LOCK, NOTIFY_TIMEOUT * 2).await? {
            return Ok(None);
        }
        let runs = ledger::due(&mut tx, class.name(), self.timeout, limit).await?;
        Ok(Some(Due { tx, runs }))
    }

    async fn notify_due(&mut self, class: Class) -> Result<(), ReconcileError> {
        let room =
            i64::try_from(self.notifier.room(class).await?).unwrap_or(0).min(NOTIFIED_PER_ROUND);
        if room == 0 {
            return Ok(());
        }
        let due = answered(LEDGER_TIMEOUT, self.due(class, room)).await?;
        let Some(Due { mut tx, runs }) = due else { return Ok(()) };
        let begun = Instant::now();
        let mut notified = Vec::new();
        for run in runs {
            if begun.elapsed() > NOTIFY_TIMEOUT {
                break;
            }
            let envelope = Envelope { run_id: run.id.clone(), job: run.job, payload: run.payload };
            self.notifier.notify(class, envelope).await?;
            notified.push(run.id);
        }
        if !notified.is_empty() {
            FailPoint::AfterNotify.reach();
            debug!(class = class.name(), runs = notified.len(), "Notified workers of due runs");
        }
        let marked = async {
            ledger::mark_notified(&mut tx, &notified).await?;
            tx.commit().await
        };
        answered(LEDGER_TIMEOUT, marked).await?;
        Ok(())
    }
}
