//! Notifications by LISTEN and NOTIFY, for servers without Redis.
//!
//! PostgreSQL keeps no notification for a worker that does not listen. So whoever begins to listen
//! first asks the ledger for all runs that are due, and a session that had to connect again does so
//! as well. Every worker receives every notification; the ledger lets one of them have the run.

use std::{collections::VecDeque, fmt, sync::Arc, time::Duration};

use futures::{FutureExt as _, future::BoxFuture};
use ostrakon_engine::{Class, ledger};
use sqlx::{PgPool, postgres::PgListener};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::sleep,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    ConsumerSettings, Envelope, Handler, Message, Notifier, QueueError, handling::Handling,
    outage::Outage,
};

/// First and longest wait before a worker listens again after a failure.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// Maximum length of a notification that is read, in bytes. Ours are the ids of runs, of 26.
const MAX_BYTES: usize = 128;

/// Maximum number of runs that a worker keeps in mind. What is beyond it stays in the ledger, which
/// is asked again when these are done.
const PENDING_MAX: usize = 1_000;

/// Notifier by LISTEN and NOTIFY.
#[derive(Clone)]
pub struct PostgresNotifier {
    /// Pool for notifications and for questions to the ledger.
    pool: PgPool,
    /// Pool for the listening sessions, one per class.
    listeners: PgPool,
}

impl fmt::Debug for PostgresNotifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresNotifier").finish_non_exhaustive()
    }
}

/// Channel of a class. A notification reaches the sessions of the same database only.
const fn channel(class: Class) -> &'static str {
    match class {
        Class::Short => "ostrakon_short",
        Class::Long => "ostrakon_long",
    }
}

impl PostgresNotifier {
    /// Sends through `pool`, and listens through connections of `listeners`, which needs one for
    /// each class; a process that only sends may pass the same pool twice.
    pub const fn new(pool: PgPool, listeners: PgPool) -> Self {
        Self { pool, listeners }
    }
}

impl Notifier for PostgresNotifier {
    fn address(&self) -> String {
        "LISTEN and NOTIFY of PostgreSQL".to_owned()
    }

    fn share(&self) -> Box<dyn Notifier> {
        Box::new(self.clone())
    }

    fn room(&mut self, _class: Class) -> BoxFuture<'_, Result<u64, QueueError>> {
        // PostgreSQL's own queue of notifications takes 8 GB.
        async { Ok(u64::try_from(PENDING_MAX).unwrap_or(u64::MAX)) }.boxed()
    }

    fn notify(
        &mut self,
        class: Class,
        envelope: Envelope,
    ) -> BoxFuture<'_, Result<(), QueueError>> {
        async move {
            sqlx::query("select pg_notify($1, $2)")
                .bind(channel(class))
                .bind(envelope.run_id)
                .execute(&self.pool)
                .await?;
            Ok(())
        }
        .boxed()
    }

    fn clean_up(&mut self, _class: Class) -> BoxFuture<'_, Result<(), QueueError>> {
        async { Ok(()) }.boxed()
    }

    fn consume(
        &self,
        settings: ConsumerSettings,
        class: Class,
        handler: Handler,
        stop: CancellationToken,
    ) -> BoxFuture<'static, Result<(), QueueError>> {
        let notifier = self.clone();
        async move {
            settings.check()?;
            let consumer = Consumer {
                notifier,
                class,
                handler,
                stop,
                outage: Outage::new(channel(class).to_owned()),
                slots: Arc::new(Semaphore::new(settings.concurrency)),
                handling: Handling::default(),
                handlers: TaskTracker::new(),
                pending: VecDeque::new(),
                dropped: false,
            };
            consumer.serve().await;
            Ok(())
        }
        .boxed()
    }
}

/// Receives the notifications of one class.
struct Consumer {
    notifier: PostgresNotifier,
    class: Class,
    handler: Handler,
    stop: CancellationToken,
    outage: Outage,
    slots: Arc<Semaphore>,
    handling: Handling,
    handlers: TaskTracker,
    /// Runs that wait for a free slot, oldest first.
    pending: VecDeque<String>,
    /// Whether runs were dropped because too many were pending.
    dropped: bool,
}

impl Consumer {
    async fn serve(mut self) {
        let stop = self.stop.clone();
        let mut pause = BACK_OFF.0;
        loop {
            let served = tokio::select! {
                served = self.serve_until_error() => served,
                () = stop.cancelled() => break,
            };
            let Err(error) = served else { break };
            // A new outage begins with short intervals again.
            if self.outage.begun(&error.into()) {
                pause = BACK_OFF.0;
            }
            tokio::select! {
                () = sleep(pause) => pause = (pause * 2).min(BACK_OFF.1),
                () = stop.cancelled() => break,
            }
        }
        self.handlers.close();
        self.handlers.wait().await;
    }

    async fn serve_until_error(&mut self) -> sqlx::Result<()> {
        let mut listener = PgListener::connect_with(&self.notifier.listeners).await?;
        listener.listen(channel(self.class)).await?;
        self.ask_ledger().await?;
        self.outage.ended();
        let slots = Arc::clone(&self.slots);
        loop {
            if self.pending.is_empty() && self.dropped {
                self.ask_ledger().await?;
            }
            tokio::select! {
                received = listener.try_recv() => match received? {
                    Some(notification) => self.remember(notification.payload()),
                    // The connection was lost, and with it perhaps notifications.
                    None => self.ask_ledger().await?,
                },
                slot = Arc::clone(&slots).acquire_owned(), if !self.pending.is_empty() => {
                    // The semaphore is never closed.
                    let Ok(slot) = slot else { return Ok(()) };
                    self.start(slot);
                }
            }
        }
    }

    /// Takes over all runs that are due, whether or not workers were notified of them.
    async fn ask_ledger(&mut self) -> sqlx::Result<()> {
        self.dropped = false;
        let limit = i64::try_from(PENDING_MAX).unwrap_or(i64::MAX);
        let mut db = self.notifier.pool.acquire().await?;
        // There may be no ledger yet: the reconciler says so.
        if ledger::schema_state(&mut db).await? != ledger::SchemaState::Current {
            return Ok(());
        }
        for run_id in ledger::due_ids(&mut db, self.class.name(), limit).await? {
            self.remember(&run_id);
        }
        Ok(())
    }

    /// Keeps a run in mind. What is no id of a run was not sent by ostrakon; the ledger would not
    /// know it.
    fn remember(&mut self, run_id: &str) {
        let is_id = run_id.len() <= MAX_BYTES && run_id.bytes().all(|b| b.is_ascii_alphanumeric());
        if !is_id || run_id.is_empty() {
            tracing::warn!(
                channel = channel(self.class),
                bytes = run_id.len(),
                "A notification is no id of a run; it was ignored"
            );
        } else if self.pending.len() >= PENDING_MAX {
            self.dropped = true;
        } else if !self.pending.iter().any(|pending| pending == run_id) {
            self.pending.push_back(run_id.to_owned());
        }
    }

    fn start(&mut self, slot: OwnedSemaphorePermit) {
        let Some(run_id) = self.pending.pop_front() else { return };
        let (handling, handler) = (self.handling.clone(), Arc::clone(&self.handler));
        self.handlers.spawn(async move {
            let message = Message::Due { run_id: run_id.clone() };
            handling.handle(run_id, message, move |message| handler(message)).await;
            drop(slot);
        });
    }
}
