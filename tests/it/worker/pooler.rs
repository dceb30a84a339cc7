//! `PgBouncer` between the program and PostgreSQL.

use anyhow::{Context as _, Result, ensure};
use sqlx::{ConnectOptions as _, Row as _, postgres::PgConnectOptions};
use testkit::{Ostrakon, PgBouncer};
use url::Url;

use super::{process::Worker, stage::Stage};

/// What a pooler is told to pass over at the start of a session: nothing, and what libpq's friends send.
const PASSED_OVER: [&[(&str, &str)]; 2] =
    [&[], &[("ignore_startup_parameters", "extra_float_digits,options")]];

/// Puts a pooler before the stage's database; gives it with the URL that leads through it.
fn pooled(stage: &Stage, mode: &str, extra: &[(&str, &str)]) -> Result<(PgBouncer, String)> {
    let mut url = Url::parse(stage.ostrakon.database_url())?;
    let port = url.port().context("no port")?;
    let pooler = PgBouncer::start(port, mode, &["ostrakon_least"], extra)?;
    url.set_port(Some(pooler.port())).ok().context("no port")?;
    Ok((pooler, url.into()))
}

/// What is left in the session that the next client is given: prepared statements, and settings.
async fn left_behind(url: &str) -> Result<(i64, i64)> {
    let options: PgConnectOptions = url.parse()?;
    let mut next = options.extra_float_digits(None).connect().await?;
    let row = sqlx::raw_sql(
        "select (select count(*) from pg_prepared_statements) as statements,
                (select count(*) from pg_settings
                 where source = 'session' and name not in ('application_name', 'client_encoding', 'DateStyle', 'TimeZone')
                    or name like 'ostrakon.%') as settings",
    )
    .fetch_one(&mut next)
    .await?;
    Ok((row.try_get("statements")?, row.try_get("settings")?))
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_are_shared_are_refused_and_left_as_they_were() -> Result<()> {
    let stage = Stage::new().await?;
    for (mode, extra) in [
        ("transaction", PASSED_OVER[0]),
        ("transaction", PASSED_OVER[1]),
        ("statement", PASSED_OVER[1]),
    ] {
        let (_pooler, url) = pooled(&stage, mode, extra)?;
        let ostrakon = stage.with("OSTRAKON_DATABASE_URL", &url);
        for line in
            ["user list", "user delete_activities alice --yes --inline", "migrate", "worker"]
        {
            let done = ostrakon.run(&line.split(' ').collect::<Vec<_>>())?;
            ensure!(done.code == 4 && done.stdout.is_empty(), "{mode}, {line}: {done:?}");
            ensure!(done.stderr.contains("pool_mode = session"), "{done:?}");
        }
        ensure!(left_behind(&url).await? == (0, 0));
    }
    stage.is_untouched().await
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_of_our_own_behind_a_pooler_will_do() -> Result<()> {
    for extra in PASSED_OVER {
        let stage = Stage::new().await?;
        let (_pooler, url) = pooled(&stage, "session", extra)?;
        let ostrakon: Ostrakon = stage.with("OSTRAKON_DATABASE_URL", &url);
        let worker = Worker::start(&ostrakon)?;
        let done = ostrakon.run(&["user", "delete_activities", "alice", "--yes", "--wait"])?;
        ensure!(done.code == 0, "{done:?}");
        let id: String =
            sqlx::query_scalar("select id from ostrakon.runs").fetch_one(&stage.pool).await?;
        stage.is_like_the_twin(&id).await?;
        let log = worker.stop()?;
        ensure!(
            log.iter().all(|line| line["level"] != "ERROR" && line["level"] != "WARN"),
            "{log:#?}"
        );
        ensure!(left_behind(&url).await? == (0, 0));
    }
    Ok(())
}
