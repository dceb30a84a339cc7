//! Notifications by LISTEN and NOTIFY, for servers without Redis.
//!
//! PostgreSQL keeps no notification for a worker that does not listen. So a worker that begins to
//! listen first asks the ledger for all runs that are due, and so does one that had to connect
//! again. Every worker receives every notification; the ledger lets one of them have the run.

use std::{collections::VecDeque, fmt, sync::Arc, time::Duration};

use futures::{FutureExt as _, future::BoxFuture};
use ostrakon_engine::{Class, answered, ledger};
use sqlx::{Executor as _, PgPool, postgres::PgListener};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep, sleep_until},
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

/// Maximum time for an answer of PostgreSQL.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// Interval between questions to a ledger with more runs than a worker keeps in mind: they may be
/// runs that this worker cannot do.
const ASK_INTERVAL: Duration = Duration::from_secs(1);

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
            let notified = sqlx::query("select pg_notify($1, $2)")
                .bind(channel(class))
                .bind(envelope.run_id)
                .execute(&self.pool);
            answered(ANSWER_LIMIT, notified).await?;
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
            let missed = u32::try_from(settings.missed_heartbeats).unwrap_or(u32::MAX);
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
                more: false,
                asked: Instant::now(),
                ping: settings.heartbeat_interval,
                ping_limit: settings.heartbeat_interval.saturating_mul(missed),
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
    /// Whether the ledger has, or may have, more due runs than could be kept in mind.
    more: bool,
    /// When the ledger was last asked for due runs.
    asked: Instant,
    /// Silence after which the listening session is checked: a network that swallows everything
    /// says nothing.
    ping: Duration,
    /// Maximum time for the answer to such a check.
    ping_limit: Duration,
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
        let listening = async {
            let mut listener = PgListener::connect_with(&self.notifier.listeners).await?;
            listener.listen(channel(self.class)).await?;
            Ok::<_, sqlx::Error>(listener)
        };
        let mut listener = answered(ANSWER_LIMIT, listening).await?;
        self.ask_ledger().await?;
        self.outage.ended();
        let slots = Arc::clone(&self.slots);
        loop {
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
                () = sleep_until(self.asked + ASK_INTERVAL),
                    if self.more && self.pending.is_empty() => self.ask_ledger().await?,
                () = sleep(self.ping) => {
                    answered(self.ping_limit, listener.execute("select 1")).await?;
                }
            }
        }
    }

    /// Takes over all runs that are due, whether or not workers were notified of them.
    async fn ask_ledger(&mut self) -> sqlx::Result<()> {
        let due = answered(ANSWER_LIMIT, self.due()).await?;
        self.asked = Instant::now();
        self.more = due.len() >= PENDING_MAX;
        for run_id in due {
            self.remember(&run_id);
        }
        Ok(())
    }

    async fn due(&self) -> sqlx::Result<Vec<String>> {
        let limit = i64::try_from(PENDING_MAX).unwrap_or(i64::MAX);
        let mut db = self.notifier.pool.acquire().await?;
        // There may be no ledger yet: the reconciler says so.
        if ledger::schema_state(&mut db).await? != ledger::SchemaState::Current {
            return Ok(Vec::new());
        }
        ledger::due_ids(&mut db, self.class.name(), limit).await
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
            self.more = true;
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
