//! The private servers start, survive a crash, and leave nothing behind.

use std::path::PathBuf;

use anyhow::Result;
use sqlx::{Connection as _, PgConnection};
use testkit::{Postgres, Redis};

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
