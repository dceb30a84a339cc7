//! `config/redis-acl.example`: the user that it makes suffices, and can do nothing else.

use anyhow::{Context as _, Result, ensure};
use testkit::Redis;

use super::{
    process::Worker,
    stage::{Stage, eventually},
};

const EXAMPLE: &str = include_str!("../../../config/redis-acl.example");
const PASSWORD: &str = "word-7Xq";

/// Makes the user of the example; gives the URL with which to be it.
fn make_user(redis: &Redis) -> Result<String> {
    let line = EXAMPLE.lines().find_map(|line| line.strip_prefix("user ")).context("no user")?;
    let line = line.replace("PASSWORD", PASSWORD);
    // A selector is one argument, blanks and all.
    let (rules, selector) = line.split_once('(').context("no selector")?;
    let selector = format!("({selector}");
    let mut command = vec!["ACL", "SETUSER"];
    command.extend(rules.split_whitespace());
    command.push(&selector);
    ensure!(redis.command(&command)? == "OK");
    Ok(redis.url().replace("redis://", &format!("redis://ostrakon:{PASSWORD}@")))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_user_does_all_that_ostrakon_does() -> Result<()> {
    let redis = Redis::start()?;
    let url = format!("{}/3", make_user(&redis)?);
    let mut stage = Stage::on_redis(&url).await?;
    stage.ostrakon = stage.with("OSTRAKON_REDIS_PREFIX", "ostrakon");
    // A notification that is lost: the reconciler has to repeat it.
    let lost = stage.queue_alice()?;
    redis.command(&["FLUSHALL"])?;
    let worker = Worker::start(&stage.ostrakon)?;
    stage.is_like_the_twin(&lost).await?;
    let (rung, said) =
        stage.queue(&["user", "deactivate", "carl@far.example", "--require-redis"])?;
    ensure!(!said.stderr.contains("Redis"), "{said:?}");
    stage.reaches(&rung, "succeeded").await?;
    let in_redis = |words: &[&str]| redis.command(&[&["-n", "3"], words].concat());
    // What is done goes: the janitor works.
    eventually("an empty queue", async || {
        let left = in_redis(&["EXISTS", "ostrakon:short:data", "ostrakon:long:data"])?;
        Ok((left == "0").then_some(()))
    })
    .await?;
    // A key of the wrong type, and a message with an id that has to be replaced.
    for command in [
        &["SET", "ostrakon:long:signal", "forged"][..],
        &["HSET", "ostrakon:short:data", "007", "{}"],
        &["RPUSH", "ostrakon:short:active", "007"],
    ] {
        in_redis(command)?;
    }
    eventually("the forged message to be gone", async || {
        let left = in_redis(&["EXISTS", "ostrakon:short:data"])?;
        Ok((left == "0").then_some(()))
    })
    .await?;
    worker.stop()?;
    // Nothing was refused on the way.
    let log = redis.command(&["ACL", "LOG"])?;
    let mut lines = log.lines();
    while lines.any(|line| line == "object") {
        // The client's own name, which it may keep to itself.
        ensure!(lines.next() == Some("client|setinfo"), "{log}");
    }
    Ok(())
}

#[test]
fn the_example_user_can_do_nothing_else() -> Result<()> {
    let redis = Redis::start()?;
    make_user(&redis)?;
    redis.command(&["SET", "other", "secret"])?;
    redis.command(&["ZADD", "core:apalis:queues:list", "1", "other:queue"])?;
    for command in [
        &["FLUSHALL"][..],
        &["CONFIG", "GET", "*"],
        &["KEYS", "*"],
        &["SCAN", "0"],
        &["ACL", "LIST"],
        &["SHUTDOWN", "NOSAVE"],
        &["MONITOR"],
        &["SUBSCRIBE", "ostrakon:x"],
        &["PUBLISH", "ostrakon:x", "y"],
        &["EVAL", "return 1", "0"],
        &["GET", "other"],
        &["TYPE", "other"],
        &["DEL", "other"],
        &["ZRANGE", "core:apalis:queues:list", "0", "-1"],
        &["RPUSH", "ostrakonevil:active", "x"],
    ] {
        let login = ["--no-auth-warning", "--user", "ostrakon", "--pass", PASSWORD];
        let said = redis.command(&[&login[..], command].concat());
        let Err(error) = said else { anyhow::bail!("{command:?} was allowed: {said:?}") };
        ensure!(format!("{error:#}").contains("NOPERM"), "{command:?}: {error:#}");
    }
    ensure!(redis.command(&["GET", "other"])? == "secret");
    Ok(())
}
