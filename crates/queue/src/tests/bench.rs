//! Test bench: a private Redis, a consumer that reports its messages, and waits with a deadline.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use ostrakon_engine::Class;
use testkit::Redis;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    ConsumerSettings, Envelope, Handler, Message, Notifier as _, QueueError, RedisNotifier,
    RedisSettings, connection::Connection,
};

const DEADLINE: Duration = Duration::from_mins(1);

pub(super) struct Bench {
    pub(super) redis: Redis,
    pub(super) settings: RedisSettings,
}

impl Bench {
    pub(super) fn start() -> Result<Self> {
        let redis = Redis::start()?;
        let settings = RedisSettings {
            url: redis.url(),
            prefix: "test".to_owned(),
            ..RedisSettings::default()
        };
        Ok(Self { redis, settings })
    }

    pub(super) async fn producer(&self) -> Result<RedisNotifier> {
        Ok(RedisNotifier::connect(&self.settings).await?)
    }

    pub(super) fn connection(&self) -> Result<Connection> {
        Ok(Connection::lazy(&self.settings)?)
    }

    pub(super) async fn notify(&self, run_id: &str) -> Result<()> {
        Ok(self.producer().await?.notify(Class::Short, envelope(run_id)).await?)
    }

    /// Runs a command whose arguments need not be text.
    pub(super) async fn send(&self, name: &str, arguments: &[&[u8]]) -> Result<()> {
        let mut connection = self.connection()?;
        Ok(redis::cmd(name).arg(arguments).exec_async(&mut connection.manager).await?)
    }

    /// Counts what a command prints.
    pub(super) fn count(&self, command: &[&str]) -> Result<u64> {
        Ok(self.redis.command(command)?.parse()?)
    }

    /// Waits until a command prints the number.
    pub(super) async fn reaches(&self, command: &[&str], wanted: u64) -> Result<()> {
        let reached = async {
            while self.count(command)? != wanted {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Ok(())
        };
        within(&format!("{command:?} to be {wanted}"), reached).await?
    }

    /// Starts a consumer whose handlers pass through the gate.
    pub(super) fn consumer(&self, concurrency: usize, gate: Gate) -> Result<Consumer> {
        let (sender, received) = mpsc::unbounded_channel();
        let shutdown = CancellationToken::new();
        let notifier = RedisNotifier::new(self.connection()?);
        let handler = reporting(sender, gate);
        let serving = notifier.consume(quick(concurrency), Class::Short, handler, shutdown.clone());
        Ok(Consumer { received, shutdown, serving: tokio::spawn(serving) })
    }
}

/// Handler that reports its messages, and passes through the gate in between.
pub(super) fn reporting(sender: mpsc::UnboundedSender<Event>, gate: Gate) -> Handler {
    Arc::new(move |message| {
        let (sender, gate) = (sender.clone(), gate.clone());
        Box::pin(async move {
            let panics = run_id(&message) == Some("panic");
            let _reported = sender.send(Event::Begun(message.clone()));
            gate.pass().await;
            assert!(!panics, "as the test asked");
            let _reported = sender.send(Event::Ended(message));
        })
    })
}

/// Id of the run of a message, if it has one.
pub(super) fn run_id(message: &Message) -> Option<&str> {
    match message {
        Message::Run(Envelope { run_id, .. }) | Message::Due { run_id } => Some(run_id),
        Message::Unreadable { .. } => None,
    }
}

pub(super) fn quick(concurrency: usize) -> ConsumerSettings {
    ConsumerSettings {
        concurrency,
        poll_interval: Duration::from_millis(20),
        heartbeat_interval: Duration::from_secs(1),
        missed_heartbeats: 2,
        worker_name: "bench".to_owned(),
    }
}

pub(super) fn envelope(run_id: &str) -> Envelope {
    Envelope {
        run_id: run_id.to_owned(),
        job: "delete_activities".to_owned(),
        payload: serde_json::json!({ "nickname": "eve" }),
    }
}

/// Report of a handler.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Event {
    Begun(Message),
    Ended(Message),
}

/// Gate at which handlers wait until the test lets them pass.
#[derive(Clone)]
pub(super) struct Gate(Arc<Semaphore>);

impl Gate {
    pub(super) fn open() -> Self {
        Self(Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)))
    }

    pub(super) fn closed() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    pub(super) fn let_pass(&self, handlers: usize) {
        self.0.add_permits(handlers);
    }

    async fn pass(&self) {
        if let Ok(permit) = self.0.acquire().await {
            permit.forget();
        }
    }
}

pub(super) struct Consumer {
    pub(super) received: mpsc::UnboundedReceiver<Event>,
    pub(super) shutdown: CancellationToken,
    serving: JoinHandle<Result<(), QueueError>>,
}

impl Consumer {
    pub(super) async fn event(&mut self) -> Result<Event> {
        within("an event", self.received.recv()).await?.context("the consumer has ended")
    }

    pub(super) async fn expect(&mut self, wanted: Event) -> Result<()> {
        let event = self.event().await?;
        anyhow::ensure!(event == wanted, "expected {wanted:?}, got {event:?}");
        Ok(())
    }

    /// Waits for the end of a run and returns the number of unreadable messages before it.
    pub(super) async fn ended(&mut self, run_id: &str) -> Result<usize> {
        let mut unreadable = 0;
        loop {
            match self.event().await? {
                Event::Ended(Message::Run(run)) if run.run_id == run_id => return Ok(unreadable),
                Event::Ended(Message::Unreadable { .. }) => unreadable += 1,
                _ => {}
            }
        }
    }

    pub(super) async fn stop(&mut self) -> Result<()> {
        self.shutdown.cancel();
        Ok(within("the consumer to end", &mut self.serving).await???)
    }
}

pub(super) fn begun(run_id: &str) -> Event {
    Event::Begun(Message::Run(envelope(run_id)))
}

pub(super) fn ended(run_id: &str) -> Event {
    Event::Ended(Message::Run(envelope(run_id)))
}

pub(super) async fn within<T>(what: &str, waiting: impl Future<Output = T>) -> Result<T> {
    tokio::time::timeout(DEADLINE, waiting).await.with_context(|| format!("waited for {what}"))
}
