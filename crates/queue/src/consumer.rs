//! Consumer of one queue: fetches messages and passes them to the handler, until stopped.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use apalis::layers::limit::GlobalConcurrencyLimitLayer;
use apalis_core::backend::ext::BackendExt;
use apalis_core::backend::finalize::DurableError;
use apalis_core::error::WorkerError;
use apalis_core::task::task_id::TaskId;
use apalis_core::worker::builder::WorkerBuilder;
use apalis_core::worker::context::WorkerContext;
use apalis_core::worker::ext::parallelize::ParallelizeExt;
use apalis_redis::RedisStorage;
use futures::FutureExt;
use futures::future::BoxFuture;
use ostrakon_engine::Class;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};
use ulid::Ulid;

use super::connection::Connection;
use super::envelope::{EnvelopeCodec, Message};
use super::error::QueueError;
use super::handling::{Handling, panic_text};
use super::notifier::{ConsumerSettings, Handler};
use super::outage::Outage;
use super::poll::SafeInterval;
use super::reply_guard::ReplyGuard;
use super::{repair, storage_config};

/// First and longest wait before a failed queue is served again.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// Time a worker has to acknowledge its last messages. Messages without acknowledgement are
/// delivered again; the ledger then shows that they are done.
const SIGN_OFF: Duration = Duration::from_secs(2);

impl ConsumerSettings {
    pub(super) fn check(&self) -> Result<(), QueueError> {
        let reason = if self.concurrency == 0 {
            "concurrency must be at least 1"
        } else if self.poll_interval < Duration::from_millis(1) {
            "poll_interval must be at least 1 ms"
        } else if self.heartbeat_interval < Duration::from_secs(1) {
            // apalis truncates it to whole seconds: below one, every worker is dead immediately.
            "heartbeat_interval must be at least 1 s"
        } else if self.missed_heartbeats < 2 {
            "missed_heartbeats must be at least 2"
        } else {
            return Ok(());
        };
        Err(QueueError::Settings { reason: reason.to_owned() })
    }
}

/// See [`Notifier::consume`](crate::Notifier::consume). Every message is acknowledged, whatever its
/// handler does; a panic is logged.
pub(super) async fn consume(
    settings: ConsumerSettings,
    connection: Connection,
    class: Class,
    handler: Handler,
    shutdown: CancellationToken,
) -> Result<(), QueueError> {
    settings.check()?;
    let queue = connection.queue_name(class);
    let mut service = Service {
        outage: Arc::new(Outage::new(queue.clone())),
        slots: Arc::new(Semaphore::new(settings.concurrency)),
        handling: Handling::default(),
        handlers: TaskTracker::new(),
        ended_workers: Vec::new(),
        settings,
        connection,
        queue,
        shutdown,
        handler,
    };
    service.serve().await;
    Ok(())
}

/// State that outlives the individual workers, which are replaced after each error.
struct Service {
    settings: ConsumerSettings,
    connection: Connection,
    queue: String,
    shutdown: CancellationToken,
    handler: Handler,
    outage: Arc<Outage>,
    /// Slots shared by successive workers, since handlers outlive their worker.
    slots: Arc<Semaphore>,
    handling: Handling,
    handlers: TaskTracker,
    /// Ended workers that may still hold messages in Redis.
    ended_workers: Vec<String>,
}

impl Service {
    async fn serve(&mut self) {
        let mut back_off = BACK_OFF.0;
        while !self.shutdown.is_cancelled() {
            let started = Instant::now();
            if let Err(error) = self.serve_until_error().await {
                self.outage.begun(&error);
            }
            if started.elapsed() > BACK_OFF.1 {
                back_off = BACK_OFF.0;
            }
            tokio::select! {
                () = self.shutdown.cancelled() => {}
                () = tokio::time::sleep(back_off) => back_off = (back_off * 2).min(BACK_OFF.1),
            }
        }
        self.handlers.close();
        self.handlers.wait().await;
        if let Err(error) = self.retire_ended_workers().await {
            tracing::debug!(queue = self.queue, %error, "left to the other workers to clean up");
        }
    }

    async fn serve_until_error(&mut self) -> Result<(), QueueError> {
        let shutdown = self.shutdown.clone();
        tokio::select! {
            connected = self.connection.reconnected() => self.connection = connected?,
            () = shutdown.cancelled() => return Ok(()),
        }
        let worker = format!("{}-{}", self.settings.worker_name, Ulid::generate());
        repair::repair(&mut self.connection, &self.queue, Some(&worker)).await?;
        self.retire_ended_workers().await?;
        self.ended_workers.push(worker.clone());
        self.run_worker(&worker).await
    }

    async fn retire_ended_workers(&mut self) -> Result<(), QueueError> {
        while let Some(worker) = self.ended_workers.last() {
            let handling = self.handling.ids();
            repair::retire(&mut self.connection, &self.queue, worker, &handling).await?;
            self.ended_workers.pop();
        }
        Ok(())
    }

    /// Builds the apalis worker; once polled, it runs until it fails or is stopped.
    fn worker(&self, context: &WorkerContext) -> BoxFuture<'static, Result<(), WorkerError>> {
        let guard = ReplyGuard::new(
            self.connection.manager.clone(),
            &self.queue,
            context.name(),
            Arc::clone(&self.outage),
        );
        let config = storage_config(&self.queue)
            .heartbeat_interval(self.settings.heartbeat_interval)
            .missed_heartbeats(self.settings.missed_heartbeats);
        let backend = RedisStorage::<Message, _>::new(guard)
            .with_config(config)
            .with_codec(EnvelopeCodec)
            .poll_with_strategy(SafeInterval::new(self.settings.poll_interval));
        let (handling, handlers) = (self.handling.clone(), self.handlers.clone());
        let handler = Arc::clone(&self.handler);
        WorkerBuilder::new(context)
            .backend(backend)
            // A handler runs alongside the worker: it neither delays a heartbeat nor ends with it.
            .parallelize(move |call| handlers.spawn(call))
            // Inside, so that a slot stays taken while the handler runs.
            .layer(GlobalConcurrencyLimitLayer::with_semaphore(Arc::clone(&self.slots)))
            .build(move |message: Message, id: TaskId| {
                let (handling, handler) = (handling.clone(), Arc::clone(&handler));
                async move {
                    handling.handle(id.to_string(), message, move |message| handler(message)).await;
                }
            })
            .run()
            .boxed()
    }

    /// Runs one apalis worker until it fails or, after `shutdown`, has finished its messages.
    async fn run_worker(&self, name: &str) -> Result<(), QueueError> {
        let _listing = AbortOnDropHandle::new(tokio::spawn(repair::keep_listed(
            self.connection.clone(),
            self.queue.clone(),
            name.to_owned(),
        )));
        let context = WorkerContext::new(name);
        let mut running = AssertUnwindSafe(self.worker(&context)).catch_unwind();
        let ended = tokio::select! {
            // In this order, because a worker that was never polled cannot be stopped.
            biased;
            ended = &mut running => ended,
            () = self.shutdown.cancelled() => {
                // An error would mean that it has already ended, which the next line detects.
                let _already_ended = context.stop();
                self.handlers.close();
                // apalis takes acknowledgements from a short buffer, and takes none while it is
                // stopping and any handler's is missing. Without a limit, those that do not fit
                // would wait forever.
                let waiting = async {
                    self.handlers.wait().await;
                    tokio::time::sleep(SIGN_OFF).await;
                };
                tokio::select! {
                    ended = &mut running => ended,
                    () = waiting => Ok(Ok(())),
                }
            }
        };
        match ended {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.worker_error(error)),
            Err(panic) => Err(self.answer(format!("apalis panicked: {}", panic_text(&*panic)))),
        }
    }

    fn worker_error(&self, error: WorkerError) -> QueueError {
        type Polled = DurableError<apalis_redis::Error, serde_json::Error>;
        match error {
            WorkerError::BackendError(error) => match error.downcast_ref::<Polled>() {
                Some(DurableError::PollNextError(error)) => {
                    QueueError::from_apalis(self.connection.address(), error)
                }
                _ => self.answer(error.to_string()),
            },
            other => self.answer(other.to_string()),
        }
    }

    fn answer(&self, reason: String) -> QueueError {
        QueueError::Answer { address: self.connection.address().to_owned(), reason }
    }
}
