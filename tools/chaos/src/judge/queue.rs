//! Redis at the end: nothing may be left there for finished runs.

use std::time::Duration;

use anyhow::Result;
use rustix::process::Signal;

use crate::environment::{Environment, PREFIX};
use crate::fleet::{Fleet, PLACES};
use crate::inject::eventually;

/// Longer than the half minute after which the messages that a dead worker had fetched are removed.
const TIMEOUT: Duration = Duration::from_mins(2);

/// Keeps idle workers running until Redis is clean.
pub(crate) async fn queue(environment: &Environment) -> Result<Vec<String>> {
    let fleet = Fleet::launch(environment)?;
    let redis = environment.redis.lock().await;
    let left = || -> Result<Vec<String>> {
        let keys = redis.command(&["KEYS", &format!("{PREFIX}:*")])?;
        // Keys of running workers themselves.
        let own = |key: &str| key.contains(":workers");
        Ok(keys.lines().filter(|key| !key.is_empty() && !own(key)).map(str::to_owned).collect())
    };
    let clean = eventually("a clean Redis", TIMEOUT, async || Ok(left()?.is_empty().then_some(())));
    let violations = match clean.await {
        Ok(()) => Vec::new(),
        Err(_) => vec![format!("left in Redis: {:?}", left()?)],
    };
    drop(redis);
    for number in 0..PLACES {
        if let Some(worker) = fleet.place(number).await.worker() {
            worker.signal(Signal::TERM)?;
        }
    }
    Ok(violations)
}
