//! Notifications through Redis.

use std::fmt;

use apalis_core::backend::codec::Codec;
use apalis_core::task::builder::TaskBuilder;
use apalis_core::task::task_id::TaskId;
use apalis_redis::queries::push_tasks;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use ostrakon_engine::Class;
use tokio_util::sync::CancellationToken;
use ulid::Ulid;

use super::connection::{Connection, RedisSettings};
use super::envelope::{Envelope, EnvelopeCodec, Message};
use super::error::QueueError;
use super::notifier::{ConsumerSettings, Handler, Notifier};
use super::{consumer, janitor, repair, storage_config};

/// Notifier through Redis, by apalis.
#[derive(Clone)]
pub struct RedisNotifier {
    connection: Connection,
}

impl RedisNotifier {
    /// Connects for a command; gives up after about 3 s.
    pub async fn connect(settings: &RedisSettings) -> Result<Self, QueueError> {
        Ok(Self::new(Connection::prompt(settings).await?))
    }

    /// Connects when it is used, and again after each outage; for a worker.
    pub fn lazy(settings: &RedisSettings) -> Result<Self, QueueError> {
        Ok(Self::new(Connection::lazy(settings)?))
    }

    pub(super) fn new(connection: Connection) -> Self {
        Self { connection }
    }

    async fn send(&mut self, class: Class, envelope: Envelope) -> Result<(), QueueError> {
        let message = EnvelopeCodec
            .encode(&Message::Run(envelope))
            .map_err(|error| QueueError::Message { reason: error.to_string() })?;
        match self.push(class, message.clone()).await {
            Err(refused @ QueueError::Answer { .. }) => {
                // The key has the wrong type, which workers may not have noticed yet. If the repair
                // finds nothing, the error stands.
                let queue = self.connection.queue_name(class);
                match repair::repair(&mut self.connection, &queue, None).await {
                    Ok(removed) if removed > 0 => self.push(class, message).await,
                    _ => Err(refused),
                }
            }
            other => other,
        }
    }

    async fn push(&mut self, class: Class, message: Vec<u8>) -> Result<(), QueueError> {
        // A new id each time: after a push that failed halfway, the same id would do nothing.
        let id = Ulid::generate().to_string();
        let task = TaskBuilder::new(message).task_id(TaskId::from_string(id.clone())).build();
        let config = storage_config(&self.connection.queue_name(class));
        if let Err(error) = push_tasks(&mut self.connection.manager, &config, &[task]).await {
            self.connection.renew();
            return Err(QueueError::from_apalis(self.connection.address(), &error));
        }
        // apalis writes the time by this machine's clock, and a worker with a slower clock would
        // not find the message due. At zero, it is due by every clock. Messages of the same second
        // keep their order, which is that of their ids.
        let scheduled = config.scheduled_jobs_set();
        let due: Result<(), _> = redis::cmd("ZADD")
            .arg((&scheduled, "XX", 0, &id))
            .query_async(&mut self.connection.manager)
            .await;
        due.map_err(|error| self.connection.failed(&error))
    }
}

impl fmt::Debug for RedisNotifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisNotifier").field("address", &self.connection.address()).finish()
    }
}

impl Notifier for RedisNotifier {
    fn address(&self) -> String {
        format!("Redis at {}", self.connection.address())
    }

    fn share(&self) -> Box<dyn Notifier> {
        Box::new(self.clone())
    }

    fn room(&mut self, class: Class) -> BoxFuture<'_, Result<u64, QueueError>> {
        async move {
            let waiting = super::waiting(&mut self.connection, class).await?;
            Ok(super::MAX_WAITING.saturating_sub(waiting))
        }
        .boxed()
    }

    fn notify(
        &mut self,
        class: Class,
        envelope: Envelope,
    ) -> BoxFuture<'_, Result<(), QueueError>> {
        self.send(class, envelope).boxed()
    }

    fn clean_up(&mut self, class: Class) -> BoxFuture<'_, Result<(), QueueError>> {
        async move { janitor::sweep(&mut self.connection, class).await.map(drop) }.boxed()
    }

    fn consume(
        &self,
        settings: ConsumerSettings,
        class: Class,
        handler: Handler,
        stop: CancellationToken,
    ) -> BoxFuture<'static, Result<(), QueueError>> {
        consumer::consume(settings, self.connection.clone(), class, handler, stop).boxed()
    }
}
