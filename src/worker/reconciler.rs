//! Notifies workers again of runs that are due and not being worked on.
//!
//! Never notified of, Redis emptied, a lease run out, a retry due: all are the same here. Notifying too
//! often is harmless, since a run that is not due is not claimed.

use std::time::{Duration, Instant};

use ostrakon_jobs::engine::{
    Class, FailPoint, answered,
    ledger::{self, SchemaState, Worker},
};
use sqlx::PgTransaction;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::LEDGER_TIMEOUT;
use crate::{
    queue::{self, Connection, Envelope, Producer, QueueError},
    session::{Session, host_name},
};

/// Workers are notified again of a run that is still waiting after so many rounds.
const TIMEOUT_ROUNDS: u32 = 3;

/// Runs of which workers are notified in one round, so that a round stays short.
const ANNOUNCED_AT_ONCE: i64 = 200;

/// How long a round may announce: with a slow Redis it is not all that are due. The rest waits for
/// the next round.
const ANNOUNCING: Duration = Duration::from_secs(20);

/// Only one worker reconciles at a time; the key is ostrakon's own ("ostrakon" in ASCII).
const ADVISORY_LOCK: i64 = 0x6B65_6E6F_6D61;

#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("PostgreSQL: {0}")]
    Database(#[from] sqlx::Error),
    #[error("{0}")]
    Queue(#[from] QueueError),
}

/// Reconciles every few seconds until told to stop, or until the ledger turns out to be a newer
/// version's: then `outdated` is cancelled.
pub(super) async fn reconcile(
    session: Session,
    worker: String,
    connection: Connection,
    stop: CancellationToken,
    outdated: CancellationToken,
) {
    let this = Worker {
        id: worker,
        host: host_name(),
        pid: i32::try_from(std::process::id()).unwrap_or(i32::MAX),
    };
    let every = session.settings.worker.reconcile_interval;
    let timeout = every * TIMEOUT_ROUNDS;
    let mut reconciler =
        Reconciler { session, this, connection, timeout, outdated, troubled: false };
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => reconciler.tick().await,
        }
    }
}

/// Runs that are due, and the transaction that keeps others from announcing them.
struct Due {
    tx: PgTransaction<'static>,
    runs: Vec<ledger::Run>,
}

struct Reconciler {
    session: Session,
    this: Worker,
    connection: Connection,
    timeout: Duration,
    outdated: CancellationToken,
    troubled: bool,
}

impl Reconciler {
    /// One round; an outage is logged once, and so is its end.
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

    async fn round(&mut self) -> Result<(), Trouble> {
        if answered(LEDGER_TIMEOUT, self.sign()).await? == SchemaState::Newer {
            self.outdated.cancel();
            return Ok(());
        }
        for class in Class::ALL {
            queue::sweep(&mut self.connection, class).await?;
            self.announce_due(class).await?;
        }
        Ok(())
    }

    /// Gives a sign of life, unless the ledger is no longer this version's.
    async fn sign(&self) -> sqlx::Result<SchemaState> {
        let mut db = self.session.side_pool.acquire().await?;
        let state = ledger::schema_state(&mut db).await?;
        if state != SchemaState::Newer {
            ledger::seen(&mut db, &self.this).await?;
        }
        Ok(state)
    }

    /// Finds what is to be announced, and keeps others from announcing it as well until the
    /// transaction ends. `None` when somebody else is about it.
    async fn due(&self, class: Class, limit: i64) -> sqlx::Result<Option<Due>> {
        let mut tx = self.session.side_pool.begin().await?;
        if !ledger::try_exclusive(&mut tx, ADVISORY_LOCK, ANNOUNCING * 2).await? {
            return Ok(None);
        }
        let runs = ledger::due(&mut tx, class.name(), self.timeout, limit).await?;
        Ok(Some(Due { tx, runs }))
    }

    async fn announce_due(&mut self, class: Class) -> Result<(), Trouble> {
        let mut producer = Producer::new(self.connection.clone());
        let room = i64::try_from(producer.room(class).await?).unwrap_or(0).min(ANNOUNCED_AT_ONCE);
        if room == 0 {
            return Ok(());
        }
        let due = answered(LEDGER_TIMEOUT, self.due(class, room)).await?;
        let Some(Due { mut tx, runs }) = due else { return Ok(()) };
        let begun = Instant::now();
        let mut notified = Vec::new();
        for run in runs {
            if begun.elapsed() > ANNOUNCING {
                break;
            }
            let envelope = Envelope { run_id: run.id.clone(), job: run.job, payload: run.payload };
            producer.notify(class, envelope).await?;
            notified.push(run.id);
        }
        if !notified.is_empty() {
            FailPoint::AfterNotify.reach();
            debug!(class = class.name(), runs = notified.len(), "Announced due runs");
        }
        let marked = async {
            ledger::mark_notified(&mut tx, &notified).await?;
            tx.commit().await
        };
        answered(LEDGER_TIMEOUT, marked).await?;
        Ok(())
    }
}
