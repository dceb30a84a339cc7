//! Checks that look at what becomes of the WAL; with a PostgreSQL of their own.

use std::fs;

use anyhow::Result;
use sqlx::{Connection as _, Executor as _, PgConnection, PgPool, postgres::PgPoolOptions};
use testkit::{Flavour, Ostrakon, Postgres, PostgresOptions};

use super::{eventually, is_throttled};
use crate::worker::{history::load_story, stage::quick};

/// A database with the community on a server of its own, and the program for it.
async fn fixture(postgres: &Postgres) -> Result<(Ostrakon, PgPool)> {
    let url = postgres.url("postgres");
    let pool = PgPoolOptions::new().max_connections(5).connect(&url).await?;
    pool.execute(Flavour::Pleroma.schema()).await?;
    load_story(&pool).await?;
    let ostrakon = quick(Ostrakon::at(&url), testkit::redis()?.url())
        .with("OSTRAKON_REDIS_PREFIX", format!("t-{}", ulid::Ulid::generate()));
    ostrakon.migrate()?;
    Ok((ostrakon, pool))
}

/// Writes WAL that concerns no row of the server.
async fn write_wal(pool: &PgPool, mib: i32) -> Result<()> {
    sqlx::query(
        "select count(pg_logical_emit_message(false, 'test', repeat('x', 1048576)))
         from generate_series(1, $1)",
    )
    .bind(mib)
    .execute(pool)
    .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_lags() -> Result<()> {
    let postgres = Postgres::start()?;
    let (ostrakon, pool) = fixture(&postgres).await?;
    let ostrakon = ostrakon.with("OSTRAKON_THROTTLE_REPLICA_LAG_MIB", "4");
    let replica = postgres.start_replica()?;
    let mut there = PgConnection::connect(&replica.url("postgres")).await?;
    let lag = async || {
        there.execute("select pg_wal_replay_pause()").await?;
        write_wal(&pool, 8).await?;
        Ok(there)
    };
    let catch_up = async |mut there: PgConnection| {
        there.execute("select pg_wal_replay_resume()").await?;
        Ok(())
    };
    is_throttled(&ostrakon, &pool, "replica_lag", lag, catch_up).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_is_behind() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let open = folder.path().join("open");
    fs::write(&open, "")?;
    // PostgreSQL does not run as the user of the tests.
    fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    let extra = vec![
        ("archive_mode".to_owned(), "on".to_owned()),
        ("archive_command".to_owned(), format!("test -e {}", open.display())),
    ];
    let postgres = Postgres::start_with(PostgresOptions { durable: false, extra })?;
    let (ostrakon, pool) = fixture(&postgres).await?;
    let ostrakon = ostrakon.with("OSTRAKON_THROTTLE_WAL_SEGMENTS", "1");
    let segment = async || -> Result<()> {
        write_wal(&pool, 1).await?;
        sqlx::query("select pg_switch_wal()").execute(&pool).await?;
        Ok(())
    };
    segment().await?;
    let archived = "select archived_count from pg_stat_archiver";
    eventually("an archived segment", async || {
        let count: i64 = sqlx::query_scalar(archived).fetch_one(&pool).await?;
        Ok((count > 0).then_some(()))
    })
    .await?;
    let close = async || {
        fs::remove_file(&open)?;
        for _ in 0..3 {
            segment().await?;
        }
        Ok(())
    };
    let reopen = async |()| {
        fs::write(&open, "")?;
        // The archiver, which has given up for a minute, is woken.
        segment().await
    };
    is_throttled(&ostrakon, &pool, "wal_archive", close, reopen).await
}
