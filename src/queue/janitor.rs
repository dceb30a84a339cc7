//! Removes what apalis-redis leaves behind. It never removes anything by itself, and its own
//! `vacuum()` also deletes messages that still wait for another attempt.

use std::sync::LazyLock;

use ostrakon_jobs::engine::Class;
use redis::Script;

use super::connection::Connection;
use super::error::QueueError;

static JANITOR: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("janitor.lua")));

/// Finished messages removed by one script: at most this many of each kind, then others get a turn.
const BATCH: usize = 500;
/// Scripts run by one sweep at most.
const MAX_BATCHES: usize = 20;

/// Removes finished messages with all that belongs to them, and what dead workers left.
///
/// Returns the number of messages removed, at most 20,000; what is left waits for the next sweep.
pub(crate) async fn sweep(connection: &mut Connection, class: Class) -> Result<usize, QueueError> {
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
