//! Several hosts: the primary dies, its replica is promoted, and the run goes on there.

use anyhow::{Result, ensure};
use sqlx::{Executor as _, PgPool, postgres::PgPoolOptions};
use testkit::{Flavour, Ostrakon, Postgres};

use super::{
    history::{DELETE_ALICE, hold, is_like_the_twin, load_story},
    process::Worker,
    stage::{queue, quick, short_leases, stuck},
};

/// A primary with the community, its replica, and the program that is told of both.
async fn pair() -> Result<(Postgres, PgPool, Postgres, Ostrakon)> {
    let primary = Postgres::start()?;
    let pool = PgPoolOptions::new().max_connections(5).connect(&primary.url("postgres")).await?;
    pool.execute(Flavour::Pleroma.schema()).await?;
    load_story(&pool).await?;
    let url = format!(
        "postgres://postgres@127.0.0.1:{},127.0.0.1:{{}}/postgres?target_session_attrs=read-write",
        primary.port()
    );
    Ostrakon::at(&primary.url("postgres")).migrate()?;
    let replica = primary.start_replica()?;
    let ostrakon = Ostrakon::at(&url.replace("{}", &replica.port().to_string()))
        .with("OSTRAKON_REDIS_PREFIX", ulid::Ulid::generate().to_string());
    Ok((primary, pool, replica, short_leases(quick(ostrakon, testkit::redis()?.url()))))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_on_with_the_replica_that_was_promoted() -> Result<()> {
    let (mut primary, pool, replica, ostrakon) = pair().await?;
    let held = hold(&pool, 12).await?;
    let mut worker = Worker::start(&ostrakon)?;
    let (id, _) = queue(&ostrakon, &DELETE_ALICE)?;
    stuck(&pool, 1).await?;
    // What was committed on the primary and did not get to the replica would be gone, and done again.
    primary.stop_immediate()?;
    drop(held);
    // A standby is not what was asked for.
    let done = ostrakon.run(&["runs", "list"])?;
    ensure!(done.code == 8 && done.stderr.contains("it is not read-write"), "{done:?}");
    replica.promote()?;
    let line = worker.expect("Going on with another host of database.url")?;
    ensure!(line["to"] == format!("127.0.0.1:{}", replica.port()), "{line}");
    let there = PgPoolOptions::new().connect(&replica.url("postgres")).await?;
    is_like_the_twin(&there, &id).await?;
    // And so do commands, though the first host is still named first.
    let done = ostrakon.run(&["runs", "show", &id])?;
    ensure!(done.code == 0 && done.stdout.contains("succeeded"), "{done:?}");
    let log = worker.stop()?;
    ensure!(log.iter().all(|line| line["level"] != "ERROR"), "{log:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_are_chosen_as_libpq_chooses_them() -> Result<()> {
    let (primary, pool, replica, _) = pair().await?;
    let (one, other) = (primary.port(), replica.port());
    for (target, expected) in [
        ("any", Some(other)),
        ("read-write", Some(one)),
        ("primary", Some(one)),
        ("read-only", Some(other)),
        ("standby", Some(other)),
        ("prefer-standby", Some(other)),
    ] {
        let url = format!(
            "host=127.0.0.1,127.0.0.1 port={other},{one} user=postgres dbname=postgres \
             target_session_attrs={target}"
        );
        // Only a primary takes this.
        let done = Ostrakon::at(&url)
            .with("OSTRAKON_REDIS_URL", testkit::redis()?.url())
            .run(&["user", "toggle_confirmed", "alice"])?;
        let wrote = if done.code == 0 { one } else { other };
        ensure!(Some(wrote) == expected, "{target}: {done:?}");
        ensure!(
            done.code == 0 || done.code == 4 && done.stderr.contains("only to read"),
            "{done:?}"
        );
    }
    let alone = format!("{}?target_session_attrs=standby", primary.url("postgres"));
    let done = Ostrakon::at(&alone).run(&["runs", "list"])?;
    ensure!(done.code == 8 && done.stderr.contains("target_session_attrs = standby"), "{done:?}");
    drop(pool);
    Ok(())
}
