//! Producer of messages.

use apalis_core::backend::codec::Codec;
use apalis_core::task::builder::TaskBuilder;
use apalis_core::task::task_id::TaskId;
use apalis_redis::queries::push_tasks;
use ostrakon_engine::Class;
use ulid::Ulid;

use super::connection::{Connection, RedisSettings};
use super::envelope::{Envelope, EnvelopeCodec, Message};
use super::error::QueueError;
use super::{repair, storage_config};

/// Producer of notifications. A run must be in the ledger before workers are notified of it.
pub struct Producer {
    connection: Connection,
}

impl Producer {
    /// Connects for a command; gives up after about 3 s.
    pub async fn connect(settings: &RedisSettings) -> Result<Self, QueueError> {
        Ok(Self::new(Connection::prompt(settings).await?))
    }

    /// Uses an existing connection, such as that of a worker's reconciler.
    pub fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Number of further messages that the queue has room for.
    pub async fn room(&mut self, class: Class) -> Result<u64, QueueError> {
        let waiting = super::waiting(&mut self.connection, class).await?;
        Ok(super::MAX_WAITING.saturating_sub(waiting))
    }

    /// Notifies a worker of a run. Notifying twice is harmless. After a failure, the run stays
    /// queued in the ledger, and a worker's reconciler notifies again.
    ///
    /// Does not limit the queue by itself: check [`Producer::room`] first.
    pub async fn notify(&mut self, class: Class, envelope: Envelope) -> Result<(), QueueError> {
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
