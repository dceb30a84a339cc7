//! Certificates of an authority of one's own, on the way to PostgreSQL and to Redis.

use std::{net::TcpListener, path::Path};

use anyhow::{Result, ensure};
use sqlx::{Executor as _, postgres::PgPoolOptions};
use testkit::{Certificates, Flavour, Ostrakon, Postgres, PostgresOptions, Redis, RedisOptions};

use super::{
    process::Worker,
    stage::{Stage, quick},
};

fn text(path: &Path) -> String {
    path.display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_is_verified_against_the_authority_that_is_named() -> Result<()> {
    let (ours, others) = (Certificates::make()?, Certificates::make()?);
    let extra = [
        ("ssl", "on".to_owned()),
        ("ssl_cert_file", text(&ours.certificate())),
        ("ssl_key_file", text(&ours.key())),
        ("ssl_ca_file", text(&ours.authority())),
    ];
    let extra = extra.map(|(name, value)| (name.to_owned(), value)).into();
    let postgres = Postgres::start_with(PostgresOptions { durable: false, extra })?;
    let pool = PgPoolOptions::new().connect(&postgres.url("postgres")).await?;
    pool.execute(Flavour::Pleroma.schema()).await?;
    let url = |parameters: &str| {
        format!("postgres://postgres@localhost:{}/postgres?{parameters}", postgres.port())
    };
    let verified = format!("sslmode=verify-full&sslrootcert={}", text(&ours.authority()));
    let own =
        format!("{verified}&sslcert={}&sslkey={}", text(&ours.certificate()), text(&ours.key()));
    Ostrakon::at(&url(&verified)).migrate()?;
    Ostrakon::at(&url(&own)).migrate()?;
    let ostrakon = quick(Ostrakon::at(&url(&verified)), testkit::redis()?.url());
    let _worker = Worker::start(&ostrakon)?;
    let plain: i64 = sqlx::query_scalar(
        "select count(*) filter (where not ssl) from pg_stat_ssl join pg_stat_activity using (pid)
         where application_name like 'ostrakon%' having count(*) > 0",
    )
    .fetch_one(&pool)
    .await?;
    ensure!(plain == 0, "{plain} connections are not encrypted");
    for (parameters, code, reported) in [
        (
            format!("sslmode=verify-full&sslrootcert={}", text(&others.authority())),
            8,
            "certificate",
        ),
        (format!("sslmode=verify-ca&sslrootcert={}", text(&others.authority())), 8, "certificate"),
        (format!("sslmode=require&sslrootcert={}", text(&others.authority())), 8, "certificate"),
        ("sslmode=verify-full".to_owned(), 8, "certificate"),
        (
            "sslmode=verify-full&sslrootcert=/nowhere/ca.pem".to_owned(),
            2,
            "/nowhere/ca.pem, cannot be read",
        ),
        ("sslmod=verify-full".to_owned(), 2, "did you mean sslmode?"),
    ] {
        let done = Ostrakon::at(&url(&parameters)).run(&["runs", "list"])?;
        ensure!(done.code == code && done.stderr.contains(reported), "{parameters}: {done:?}");
    }
    Ok(())
}

/// A Redis that also listens with TLS; gives that port.
fn encrypted_redis(of: &Certificates, clients: &str) -> Result<(Redis, u16)> {
    let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
    let extra = [
        ("tls-port", port.to_string()),
        ("tls-cert-file", text(&of.certificate())),
        ("tls-key-file", text(&of.key())),
        ("tls-ca-cert-file", text(&of.authority())),
        ("tls-auth-clients", clients.to_owned()),
    ];
    let extra = extra.map(|(name, value)| (name.to_owned(), value)).into();
    Ok((Redis::start_with(RedisOptions { extra })?, port))
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_verified_against_the_authority_that_is_named() -> Result<()> {
    let (ours, others) = (Certificates::make()?, Certificates::make()?);
    let (_redis, port) = encrypted_redis(&ours, "no")?;
    let stage = Stage::on_redis(&format!("rediss://localhost:{port}/0")).await?;
    let ask = ["user", "delete_activities", "alice", "--yes", "--require-redis"];
    for (file, code, reported) in [
        (None, 8, "Redis at localhost"),
        (Some(others.authority()), 8, "Redis at localhost"),
        (Some("/nowhere/ca.pem".into()), 2, "/nowhere/ca.pem cannot be read"),
        (Some(ours.key()), 2, "holds no certificate"),
    ] {
        let ostrakon = match &file {
            Some(file) => stage.with("OSTRAKON_REDIS_CA_FILE", &text(file)),
            None => stage.ostrakon.clone(),
        };
        let done = ostrakon.run(&ask)?;
        ensure!(done.code == code && done.stderr.contains(reported), "{file:?}: {done:?}");
    }
    let ostrakon = stage.with("OSTRAKON_REDIS_CA_FILE", &text(&ours.authority()));
    let worker = Worker::start(&ostrakon)?;
    let done = ostrakon.run(&[&ask[..], &["--wait"]].concat())?;
    ensure!(done.code == 0, "{done:?}");
    worker.stop()?;

    let (_redis, port) = encrypted_redis(&ours, "yes")?;
    let ostrakon = ostrakon.with("OSTRAKON_REDIS_URL", format!("rediss://localhost:{port}/0"));
    let ask = ["user", "deactivate", "bob", "--yes", "--require-redis"];
    let done = ostrakon.run(&ask)?;
    ensure!(done.code == 8, "{done:?}");
    let ostrakon = ostrakon.with("OSTRAKON_REDIS_CERT_FILE", text(&ours.certificate()));
    let done = ostrakon.run(&ask)?;
    ensure!(done.code == 2 && done.stderr.contains("must be given together"), "{done:?}");
    let done = ostrakon.with("OSTRAKON_REDIS_KEY_FILE", text(&ours.key())).run(&ask)?;
    ensure!(done.code == 0, "{done:?}");
    Ok(())
}
