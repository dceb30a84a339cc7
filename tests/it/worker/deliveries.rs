//! One run, several messages.

use anyhow::{Result, ensure};

use super::{
    process::Worker,
    stage::{Stage, eventually},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_delivered_many_times_is_done_once() -> Result<()> {
    let (stage, redis) = Stage::with_redis().await?;
    let id = stage.queue_alice()?;
    let key = |name: &str| format!("{}:long:{name}", stage.prefix);
    let message = redis.command(&["HVALS", &key("data")])?;
    for number in 0..8 {
        let copy = format!("copy-{number}");
        redis.command(&["HSET", &key("data"), &copy, &message])?;
        redis.command(&["RPUSH", &key("active"), &copy])?;
    }
    let held = stage.hold(3).await?;
    let workers = [Worker::start(&stage.ostrakon)?, Worker::start(&stage.ostrakon)?];
    // All others are answered while the first is being worked on.
    stage.stuck().await?;
    eventually("eight answered messages", async || {
        let waiting = redis.command(&["LLEN", &key("active")])?;
        let scheduled = redis.command(&["ZCARD", &key("scheduled")])?;
        Ok((waiting == "0" && scheduled == "0").then_some(()))
    })
    .await?;
    held.rollback().await?;
    stage.is_like_the_twin(&id).await?;
    ensure!(stage.events(&id).await? == ["queued", "started", "planned", "succeeded"]);
    for worker in workers {
        worker.stop()?;
    }
    Ok(())
}
