//! Redis at the end: nothing is kept there for runs that are done.

use std::time::Duration;

use anyhow::Result;
use rustix::process::Signal;

use crate::chaos::environment::{Environment, PREFIX};
use crate::chaos::fleet::{Fleet, PLACES};
use crate::chaos::inject::eventually;

/// What a dead worker had fetched is removed after half a minute.
const TIMEOUT: Duration = Duration::from_mins(2);

/// Has workers at work on nothing until Redis is clean.
pub(in crate::chaos) async fn queue(environment: &Environment) -> Result<Vec<String>> {
    let fleet = Fleet::launch(environment)?;
    let redis = environment.redis.lock().await;
    let left = || -> Result<Vec<String>> {
        let keys = redis.command(&["KEYS", &format!("{PREFIX}:*")])?;
        // What living workers have there for themselves.
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
