//! The private servers start, survive a crash, and leave nothing behind.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use sqlx::{Connection as _, PgConnection};
use testkit::{Postgres, Redis, RedisOptions};

#[tokio::test]
async fn postgres_keeps_committed_rows_over_a_crash() -> Result<()> {
    let mut server = Postgres::start_durable()?;
    let url = server.url("postgres");
    let mut connection = PgConnection::connect(&url).await?;
    sqlx::query("create table kept (id int)").execute(&mut connection).await?;
    sqlx::query("insert into kept values (7)").execute(&mut connection).await?;
    server.stop_immediate()?;
    assert!(PgConnection::connect(&url).await.is_err(), "the server still answers");
    server.restart()?;
    let mut connection = PgConnection::connect(&url).await?;
    let kept: i32 = sqlx::query_scalar("select id from kept").fetch_one(&mut connection).await?;
    assert_eq!(kept, 7);
    let folder: String =
        sqlx::query_scalar("show data_directory").fetch_one(&mut connection).await?;
    drop(server);
    assert!(!PathBuf::from(folder).exists(), "the data folder is still there");
    assert!(PgConnection::connect(&url).await.is_err(), "the server outlived its drop");
    Ok(())
}

#[test]
fn redis_keeps_its_data_over_a_kill() -> Result<()> {
    let mut server = Redis::start()?;
    assert_eq!(server.command(&["SET", "kept", "seven"])?, "OK");
    let url = server.url();
    server.kill()?;
    assert!(server.command(&["PING"]).is_err(), "the server still answers");
    server.restart()?;
    assert_eq!(server.command(&["GET", "kept"])?, "seven");
    assert_eq!(server.url(), url);
    Ok(())
}

/// Long enough for an answer of a server that runs.
const SILENCE: Duration = Duration::from_millis(300);

#[tokio::test]
async fn a_frozen_postgres_answers_when_it_is_thawed() -> Result<()> {
    let server = Postgres::start()?;
    let url = server.url_as("postgres", "any", "postgres");
    let mut connection = PgConnection::connect(&url).await?;
    server.freeze()?;
    let mut asking = std::pin::pin!(sqlx::query("select 1").execute(&mut connection));
    ensure!(tokio::time::timeout(SILENCE, &mut asking).await.is_err(), "it answers");
    server.thaw()?;
    asking.await?;
    ensure!(url.contains(&server.port().to_string()));
    // Dropped, it must not be waited for in vain.
    server.freeze()
}

#[tokio::test]
async fn a_frozen_redis_answers_when_it_is_thawed() -> Result<()> {
    let extra = vec![("maxmemory".to_owned(), "64mb".to_owned())];
    let server = Redis::start_with(RedisOptions { extra })?;
    ensure!(server.command(&["CONFIG", "GET", "maxmemory"])? == "maxmemory\n67108864");
    server.command(&["ACL", "SETUSER", "ostrakon", "on", ">s3cret", "~*", "+@all"])?;
    let url = server.url_as("ostrakon", "s3cret");
    ensure!(url.ends_with(&server.port().to_string()), "{url}");
    server.freeze()?;
    let mut asking = tokio::process::Command::new(testkit::redis_program("redis-cli")?)
        .args(["-u", &url, "PING"])
        .stdout(std::process::Stdio::piped())
        .spawn()?;
    ensure!(tokio::time::timeout(SILENCE, asking.wait()).await.is_err(), "it answers");
    server.thaw()?;
    ensure!(asking.wait_with_output().await?.stdout == b"PONG\n");
    Ok(())
}

#[test]
fn one_server_serves_a_whole_process() -> Result<()> {
    let first = testkit::postgres()?;
    let second = testkit::postgres()?;
    assert!(std::ptr::eq(first, second));
    assert!(first.url().ends_with("/postgres"), "{}", first.url());
    assert!(first.database_url("other").ends_with("/other"));
    assert!(testkit::redis()?.url().starts_with("redis://"));
    Ok(())
}

/// Names the file in which the child of the next test says where its servers are.
const REPORT: &str = "OSTRAKON_TEST_REPORT";

#[expect(clippy::disallowed_methods, reason = "another process's end can only be polled")]
fn wait_until(what: &str, mut holds: impl FnMut() -> bool) -> Result<()> {
    let started = Instant::now();
    while !holds() {
        ensure!(started.elapsed() < Duration::from_secs(30), "{what}: not within 30 s");
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

#[test]
fn servers_end_with_a_process_that_is_killed() -> Result<()> {
    let report = tempfile::NamedTempFile::new()?;
    let mut child = Command::new(env::current_exe()?)
        .args(["--ignored", "--exact", "servers::child_that_is_killed"])
        .env(REPORT, report.path())
        .env_remove("OSTRAKON_TEST_POSTGRES_URL")
        .spawn()?;
    let said = || fs::read_to_string(report.path()).unwrap_or_default();
    let started = wait_until("the child's servers", || said().ends_with('\n'));
    child.kill()?;
    child.wait()?;
    started?;
    let said = said();
    let (folder, url) = said.trim().split_once(' ').context("no report")?;
    wait_until("the folder is removed", || !Path::new(folder).exists())?;
    let address = url.rsplit_once('@').and_then(|(_, rest)| rest.split_once('/'));
    let (address, _) = address.context("no address")?;
    ensure!(std::net::TcpStream::connect(address).is_err(), "the server outlived its process");
    Ok(())
}

#[tokio::test]
#[ignore = "is the child of another test, which kills it"]
async fn child_that_is_killed() -> Result<()> {
    let Some(report) = env::var_os(REPORT) else { return Ok(()) };
    let url = testkit::postgres()?.url();
    let mut connection = PgConnection::connect(url).await?;
    let folder: String =
        sqlx::query_scalar("show data_directory").fetch_one(&mut connection).await?;
    fs::write(report, format!("{folder} {url}\n"))?;
    // The killer comes long before; without it the test must not hang.
    let killed = tokio::time::timeout(Duration::from_mins(1), std::future::pending::<()>());
    ensure!(killed.await.is_ok(), "nobody killed this process");
    Ok(())
}
