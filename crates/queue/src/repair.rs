//! Makes a queue fit to be served, whatever other clients wrote into it, and releases what an ended
//! worker still holds.

use std::sync::LazyLock;
use std::time::Duration;

use redis::Script;

use super::connection::Connection;
use super::error::QueueError;

static REPAIR: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("repair.lua")));
static LIST: LazyLock<Script> = LazyLock::new(|| {
    Script::new("return redis.call('ZADD', KEYS[1], redis.call('TIME')[1], ARGV[1])")
});
static RETIRE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("retire.lua")));

/// Removes what would end every worker of the queue; returns the number of things removed.
///
/// Lists the worker that is about to start, if there is one, for the janitor.
pub(super) async fn repair(
    connection: &mut Connection,
    queue: &str,
    worker: Option<&str>,
) -> Result<usize, QueueError> {
    let removed: Result<usize, _> = REPAIR
        .key(queue)
        .arg(worker.unwrap_or_default())
        .invoke_async(&mut connection.manager)
        .await;
    let removed = removed.map_err(|error| connection.failed(&error))?;
    if removed > 0 {
        tracing::warn!(
            queue,
            removed,
            "removed things from the queue that ostrakon never wrote and apalis cannot read"
        );
    }
    Ok(removed)
}

/// Requeues what an ended worker had fetched but not started; returns the number of messages.
///
/// Messages in `handling` stay with the dead worker until apalis finds them: this process is still
/// working on them.
pub(super) async fn retire(
    connection: &mut Connection,
    queue: &str,
    worker: &str,
    handling: &[String],
) -> Result<usize, QueueError> {
    let returned: Result<usize, _> =
        RETIRE.key(queue).arg(worker).arg(handling).invoke_async(&mut connection.manager).await;
    returned.map_err(|error| connection.failed(&error))
}

/// Interval between a worker's heartbeats for the janitor, which declares it dead after 30 s of
/// silence.
const LISTING_INTERVAL: Duration = Duration::from_secs(5);

/// Keeps a worker on the list of live workers, by the clock of Redis, for as long as this future is
/// polled.
///
/// apalis has its own heartbeats, by each machine's clock: if clocks differ, live workers would
/// count as dead.
pub(super) async fn keep_listed(mut connection: Connection, queue: String, worker: String) {
    let listed = format!("{queue}:workers:started");
    loop {
        tokio::time::sleep(LISTING_INTERVAL).await;
        let done: Result<(), _> =
            LIST.key(&listed).arg(&worker).invoke_async(&mut connection.manager).await;
        if let Err(error) = done {
            // The worker itself notices the failure too, and logs it.
            tracing::debug!(worker, error = %connection.failed(&error), "not listed for now");
        }
    }
}
