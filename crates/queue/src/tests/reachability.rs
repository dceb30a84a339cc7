//! Redis that is absent, does not answer, or rejects the login.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use ostrakon_engine::Class;

use super::bench::{Bench, envelope};
use crate::{
    Notifier as _, QueueError, RedisNotifier, RedisSettings, connection::Connection, waiting,
};

const PASSWORD: &str = "hunter2";

fn settings(port: u16) -> RedisSettings {
    let url = format!("redis://ostrakon:{PASSWORD}@127.0.0.1:{port}/3");
    RedisSettings { url, prefix: "test".to_owned(), ..RedisSettings::default() }
}

async fn refusal(settings: &RedisSettings) -> Result<QueueError> {
    let started = Instant::now();
    let error = RedisNotifier::connect(settings).await.err().context("connected to nothing")?;
    ensure!(started.elapsed() < Duration::from_secs(5), "took {:?}", started.elapsed());
    ensure!(!format!("{error} {error:?} {settings:?}").contains(PASSWORD), "{error}");
    Ok(error)
}

#[tokio::test]
async fn a_closed_port_and_a_silent_one_are_named_soon() -> Result<()> {
    let silent = TcpListener::bind("127.0.0.1:0")?;
    let port = silent.local_addr()?.port();
    let address = format!("127.0.0.1:{port}");
    let error = refusal(&settings(port)).await?;
    ensure!(error.is_unreachable() && error.to_string().contains(&address), "{error}");
    drop(silent);
    let error = refusal(&settings(port)).await?;
    ensure!(error.is_unreachable() && error.to_string().contains(&address), "{error}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_not_an_outage_and_can_be_put_right() -> Result<()> {
    let bench = Bench::start()?;
    let mut producer = bench.producer().await?;
    let mut connection = bench.connection()?;
    waiting(&mut connection, Class::Short).await?;
    bench.redis.command(&["CONFIG", "SET", "requirepass", "secret"])?;
    let error = refusal(&bench.settings).await?;
    ensure!(matches!(error, QueueError::Login { .. }), "{error}");
    bench.redis.command(&["-a", "secret", "CLIENT", "KILL", "TYPE", "normal"])?;
    let refused = loop {
        match producer.notify(Class::Short, envelope("r")).await {
            Ok(()) => anyhow::bail!("notified without a password"),
            // Connection that was just killed.
            Err(error) if error.is_unreachable() => {}
            Err(error) => break error,
        }
    };
    ensure!(matches!(refused, QueueError::Login { .. }), "{refused}");
    bench.redis.command(&["-a", "secret", "CONFIG", "SET", "requirepass", ""])?;
    Ok(producer.notify(Class::Short, envelope("r")).await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_was_refused_once_is_tried_again() -> Result<()> {
    let bench = Bench::start()?;
    bench.redis.command(&["CONFIG", "SET", "requirepass", "secret"])?;
    let url = bench.redis.url().replace("redis://", &format!("redis://:{PASSWORD}@"));
    let settings = RedisSettings { url, prefix: "test".to_owned(), ..RedisSettings::default() };
    let error = refusal(&settings).await?;
    ensure!(matches!(error, QueueError::Login { .. }), "{error}");
    let mut connection = Connection::lazy(&settings)?;
    ensure!(waiting(&mut connection, Class::Short).await.is_err());
    bench.redis.command(&["-a", "secret", "CONFIG", "SET", "requirepass", PASSWORD])?;
    waiting(&mut connection, Class::Short).await?;
    Ok(())
}

#[tokio::test]
async fn a_url_that_is_none_is_not_repeated() -> Result<()> {
    for url in ["postgres://ostrakon:hunter2@localhost/x", "hunter2", ""] {
        let settings = RedisSettings {
            url: url.to_owned(),
            prefix: "test".to_owned(),
            ..RedisSettings::default()
        };
        let error = refusal(&settings).await?;
        ensure!(matches!(error, QueueError::Url { .. }), "{error}");
    }
    Ok(())
}
