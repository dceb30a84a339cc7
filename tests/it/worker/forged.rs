//! Somebody writes into our queues: nothing happens but a warning, and later jobs are done.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use testkit::Redis;

use super::{process::Worker, stage::Stage};

/// Puts a message into a queue by hand; at once, since one that is nowhere is soon removed.
fn forge(redis: &Redis, queue: &str, id: &str, message: &str) -> Result<()> {
    let push = "redis.call('HSET', KEYS[1] .. ':data', ARGV[1], ARGV[2])
                return redis.call('RPUSH', KEYS[1] .. ':active', ARGV[1])";
    redis.command(&["EVAL", push, "1", queue, id, message])?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_without_a_true_run_only_warn() -> Result<()> {
    let (stage, redis) = Stage::with_redis().await?;
    let long = format!("{}:long", stage.prefix);
    let mut worker = Worker::start(&stage.ostrakon)?;
    let payload = json!({"nickname": "alice", "actor": "https://peer.example/users/alice"});
    let unknown = ulid::Ulid::generate().to_string();

    forge(&redis, &long, "a", "garbage")?;
    let line = worker.expect("cannot be read; it was ignored")?;
    ensure!(line["level"] == "WARN" && line["reason"].to_string().contains("garbage"), "{line}");

    let message = json!({"run_id": unknown, "job": "delete_activities", "payload": payload});
    forge(&redis, &long, "b", &message.to_string())?;
    let line = worker.expect("names an unknown run; it was ignored")?;
    ensure!(line["level"] == "WARN" && line["run_id"] == unknown, "{line}");

    forge(&redis, &long, "c", &json!({"run_id": "'; drop table users"}).to_string())?;
    worker.expect("cannot be read; it was ignored")?;
    redis.command(&["RPUSH", &format!("{long}:active"), "nothing-behind-it"])?;
    worker.expect("cannot be read; it was ignored")?;
    stage.is_untouched().await?;

    let id = stage.queue_alice()?;
    stage.is_like_the_twin(&id).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_differs_from_its_run_only_warns() -> Result<()> {
    let (stage, redis) = Stage::with_redis().await?;
    // Nobody notifies but this test, once the first round is over and the run's own message is gone.
    let ostrakon = stage.with("OSTRAKON_WORKER_RECONCILE_INTERVAL", "1h");
    let mut worker = Worker::start(&ostrakon)?;
    stage.workers(1).await?;
    let id = stage.queue_alice()?;
    stage.reaches(&id, "succeeded").await?;
    let (job, payload, fence): (String, Value, i64) = sqlx::query_as(
        "update ostrakon.runs
         set status = 'queued', cursor = null, closing = null, done = 0, finished_at = null
         where id = $1 returning job, payload, fence",
    )
    .bind(&id)
    .fetch_one(&stage.pool)
    .await?;
    let mut other = payload.clone();
    other["actor"] = json!("https://peer.example/users/bob");
    let forgeries = [
        ("long", json!({"run_id": id, "job": job, "payload": other})),
        ("short", json!({"run_id": id, "job": "deactivate_user", "payload": payload})),
    ];
    for (number, (class, message)) in forgeries.iter().enumerate() {
        let queue = format!("{}:{class}", stage.prefix);
        forge(&redis, &queue, &format!("forged-{number}"), &message.to_string())?;
        let line = worker.expect("differs from the ledger's run; it was ignored")?;
        ensure!(line["level"] == "WARN" && line["run_id"] == id, "{line}");
    }
    let now: i64 = sqlx::query_scalar("select fence from ostrakon.runs where id = $1")
        .bind(&id)
        .fetch_one(&stage.pool)
        .await?;
    ensure!(now == fence, "the run was claimed");
    // The true message is obeyed, whoever wrote it.
    let message = json!({"run_id": id, "job": job, "payload": payload});
    forge(&redis, &format!("{}:long", stage.prefix), "true", &message.to_string())?;
    stage.reaches(&id, "succeeded").await?;
    Ok(())
}
