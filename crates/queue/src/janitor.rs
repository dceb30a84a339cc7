//! Removes what apalis-redis leaves behind. apalis never removes anything by itself, and its
//! `vacuum()` also deletes messages that still wait for another attempt.

use std::sync::LazyLock;

use ostrakon_engine::Class;
use redis::Script;

use super::connection::Connection;
use super::error::QueueError;

static JANITOR: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("janitor.lua")));

/// Maximum number of finished messages of each kind that one script removes; then other clients get
/// a turn.
const BATCH: usize = 500;
/// Maximum number of scripts per sweep.
const MAX_BATCHES: usize = 20;

/// Removes finished messages with all their data, and what dead workers left.
///
/// Returns the number of messages removed, at most 20,000; the next sweep removes the rest.
pub(super) async fn sweep(connection: &mut Connection, class: Class) -> Result<usize, QueueError> {
    let queue = connection.queue_name(class);
    let mut removed = 0;
    for _ in 0..MAX_BATCHES {
        let batch: Result<usize, _> =
            JANITOR.key(&queue).arg(BATCH).invoke_async(&mut connection.manager).await;
        let batch = batch.map_err(|error| connection.failed(&error))?;
        removed += batch;
        if batch < BATCH {
            break;
        }
    }
    Ok(removed)
}
