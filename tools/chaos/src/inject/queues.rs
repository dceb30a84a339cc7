//! Foreign writes into the queues.

use anyhow::Result;

use crate::environment::PREFIX;
use crate::round::Round;

/// Adds messages to a queue that have long been due.
const PILE_UP: &str = "
    for i = 1, 10000 do
        redis.call('ZADD', KEYS[1] .. ':scheduled', 1, 'piled-' .. i)
        redis.call('HSET', KEYS[1] .. ':data', 'piled-' .. i, ARGV[1])
    end";

/// Adds 10,000 messages that are due immediately.
pub(super) async fn pile_up(round: &Round<'_>) -> Result<Option<bool>> {
    let redis = round.environment.redis.lock().await;
    let hit = round.is_at_work().await?;
    let message =
        r#"{"run_id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","job":"delete_activities","payload":{}}"#;
    redis.command(&["EVAL", PILE_UP, "1", &format!("{PREFIX}:long"), message])?;
    Ok(Some(hit))
}

/// Writes garbage, forgeries of real runs, and keys of the wrong type.
pub(super) async fn write_nonsense(round: &Round<'_>, random: u64) -> Result<Option<bool>> {
    let run = round.any_run().await?;
    let redis = round.environment.redis.lock().await;
    let hit = round.is_at_work().await?;
    let queue = format!("{PREFIX}:{}", if random.is_multiple_of(2) { "long" } else { "short" });
    let forged = format!(
        r#"{{"run_id":"{}","job":"delete_user","payload":{{"nickname":"bystander"}}}}"#,
        run.as_deref().unwrap_or("nobody")
    );
    let messages =
        ["garbage", "", "{}", "[1,2", &forged, r#"{"run_id":7,"job":[],"payload":null}"#];
    // Before its message: once the message is processed, nothing refers to keys written next to it.
    redis.command(&["SET", &format!("{queue}:meta:forged-{random}-1"), "no hash"])?;
    for (number, message) in messages.iter().enumerate() {
        let id = format!("forged-{random}-{number}");
        redis.command(&["HSET", &format!("{queue}:data"), &id, message])?;
        redis.command(&["RPUSH", &format!("{queue}:active"), &id])?;
    }
    redis.command(&["RPUSH", &format!("{queue}:active"), "nothing-behind-it"])?;
    if random.is_multiple_of(3) {
        redis.command(&["DEL", &format!("{queue}:done")])?;
        redis.command(&["SET", &format!("{queue}:done"), "no set"])?;
    }
    Ok(Some(hit))
}
