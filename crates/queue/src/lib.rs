//! Notifications that wake workers: through Redis by apalis, or by PostgreSQL's LISTEN and NOTIFY.
//! The only crate that names apalis.
//!
//! Either may lose, duplicate or invent messages at any time; the ledger is authoritative.
mod connection;
mod consumer;
mod envelope;
mod error;
mod handling;
mod inspection;
mod janitor;
mod notifier;
mod outage;
mod poll;
mod postgres_notifier;
mod redis_notifier;
mod repair;
mod reply_guard;
#[cfg(test)]
mod tests;

pub use connection::{RedisSettings, is_redis_url};
#[doc(hidden)]
pub use envelope::read as read_message;
pub use envelope::{Envelope, Message};
pub use error::QueueError;
use inspection::waiting;
pub use notifier::{ConsumerSettings, Handler, Notifier};
pub use postgres_notifier::PostgresNotifier;
pub use redis_notifier::RedisNotifier;

/// Maximum number of waiting messages per queue, of which there are two. apalis fails from 8,000
/// on; the ledger keeps the rest.
const MAX_WAITING: u64 = 1_000;

/// Messages per fetch. With more, apalis sends neither heartbeats nor acknowledgements until it has
/// passed on all of them.
const FETCHED: usize = 1;

/// Storage settings that producer and consumer must share.
fn storage_config(queue: &str) -> apalis_redis::Config {
    apalis_redis::Config::default()
        .queue(queue)
        .batch_size(FETCHED)
        // Taking a lock would search the whole list of waiting messages.
        .lock_tasks(false)
        .emit_events(false)
        // Without it, no message is ever acknowledged.
        .persist_results(true)
}
