//! Puts messages into the queues.

use apalis_core::backend::codec::Codec;
use apalis_core::task::builder::TaskBuilder;
use apalis_core::task::task_id::TaskId;
use apalis_redis::queries::push_tasks;
use ostrakon_jobs::engine::Class;
use ulid::Ulid;

use super::connection::{Connection, RedisSettings};
use super::envelope::{Envelope, EnvelopeCodec, Message};
use super::error::QueueError;
use super::{repair, storage_config};

/// Announces runs to the workers. The run must be in the ledger already.
pub(crate) struct Producer {
    connection: Connection,
}

impl Producer {
    /// Connects for a command line, giving up within about 3 s.
    pub(crate) async fn connect(settings: &RedisSettings) -> Result<Self, QueueError> {
        Ok(Self::new(Connection::prompt(settings).await?))
    }

    /// Announces over an existing connection; for the reconciler of a worker.
    pub(crate) fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Says how many more messages may wait in a queue.
    pub(crate) async fn room(&mut self, class: Class) -> Result<u64, QueueError> {
        let waiting = super::waiting(&mut self.connection, class).await?;
        Ok(super::MAX_WAITING.saturating_sub(waiting))
    }

    /// Notifies a worker of a run. Twice is harmless; a failure leaves the run queued in
    /// the ledger, and a worker's reconciler notifies again.
    ///
    /// Does not bound the queue by itself: ask for [`Producer::room`] first.
    pub(crate) async fn notify(
        &mut self,
        class: Class,
        envelope: Envelope,
    ) -> Result<(), QueueError> {
        let message = EnvelopeCodec
            .encode(&Message::Run(envelope))
            .map_err(|error| QueueError::Message { reason: error.to_string() })?;
        match self.push(class, message.clone()).await {
            Err(refused @ QueueError::Answer { .. }) => {
                // A key of the wrong type; no worker need have noticed. Nothing found, nothing new.
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
        // A fresh id every time: a push that failed half way makes the same id do nothing.
        let id = Ulid::generate().to_string();
        let task = TaskBuilder::new(message).task_id(TaskId::from_string(id.clone())).build();
        let config = storage_config(&self.connection.queue_name(class));
        if let Err(error) = push_tasks(&mut self.connection.manager, &config, &[task]).await {
            self.connection.renew();
            return Err(QueueError::from_apalis(self.connection.address(), &error));
        }
        // apalis writes the time by this machine's clock, and a worker whose clock is behind would
        // not find it due. At zero it is due by every clock; those of one second keep their order,
        // which is that of their ids.
        let scheduled = config.scheduled_jobs_set();
        let due: Result<(), _> = redis::cmd("ZADD")
            .arg((&scheduled, "XX", 0, &id))
            .query_async(&mut self.connection.manager)
            .await;
        due.map_err(|error| self.connection.failed(&error))
    }
}
