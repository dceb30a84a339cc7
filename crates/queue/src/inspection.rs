//! Read-only queries on the queues.

use ostrakon_engine::Class;

use super::connection::Connection;
use super::error::QueueError;

/// Counts the messages of a class that no worker has fetched yet.
///
/// Includes forged ids: the count limits what is in Redis, and does not say how many runs wait.
pub(super) async fn waiting(connection: &mut Connection, class: Class) -> Result<u64, QueueError> {
    let queue = connection.queue_name(class);
    let counted: Result<(u64, u64), _> = redis::pipe()
        .zcard(format!("{queue}:scheduled"))
        .llen(format!("{queue}:active"))
        .query_async(&mut connection.manager)
        .await;
    match counted {
        Ok((scheduled, active)) => Ok(scheduled + active),
        Err(error) => Err(connection.failed(&error)),
    }
}
