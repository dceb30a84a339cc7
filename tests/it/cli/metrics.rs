//! `ostrakon metrics`: the ledger's figures in the format of Prometheus.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ostrakon_engine::{Lease, ledger};
use testkit::Flavour;

use super::Fixture;

#[tokio::test]
async fn figures_are_those_of_the_ledger() -> Result<()> {
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    for name in ["alice", "bob", "carol"] {
        fixture.world.local(name).await?;
    }
    fixture.sql("update users set is_confirmed = false").await?;
    ensure!(fixture.run("user confirm_all --yes --inline")?.code == 0);
    let run = fixture.queue("user rm alice --yes")?;
    fixture.queue("user rm bob --yes")?;
    fixture
        .sql(
            "update ostrakon.runs
             set status = 'running', lease_owner = 'a', total = 9, done = 4, parked = 2,
                 throttle = 'flag_file', throttled_at = now() - interval '2 h', throttled_ms = 1000,
                 lease_expires_at = now() - interval '1 h'
             where subject = 'alice';
             update ostrakon.runs set available_at = now() - interval '2 h' where subject = 'bob';
             insert into ostrakon.workers (id, host, pid, version) values ('a', 'here', 1, '0')",
        )
        .await?;
    let reported = fixture.run("metrics")?;
    ensure!((reported.code, reported.stderr.as_str()) == (0, ""), "{reported:?}");
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(&run, "<run>");
    // The run of alice was throttled for an hour and a second, until its worker's lease ended. The
    // run of bob has waited for two hours, plus the duration of the test.
    settings.add_filter("(?m)3601$", "<an hour>");
    settings.add_filter(r"72\d\d\.\d+", "<two hours>");
    settings.bind(|| insta::assert_snapshot!("metrics", reported.stdout));
    // The worker that takes the run over records how long it was throttled under the dead worker.
    let mut db = fixture.database.pool().acquire().await?;
    let lease = Lease { duration: Duration::from_mins(1), renewal: Duration::from_secs(20) };
    ledger::claim(&mut db, &run, "b", lease).await?.context("it is not due")?;
    let held: i64 =
        sqlx::query_scalar("select throttled_ms from ostrakon.runs where subject = 'alice'")
            .fetch_one(&mut *db)
            .await?;
    ensure!(held == 3_601_000, "{held}");
    Ok(())
}

#[tokio::test]
async fn figures_have_one_format_and_need_the_ledger() -> Result<()> {
    let fixture = Fixture::without_ledger(Flavour::Pleroma).await?;
    let done = fixture.run("metrics --json")?;
    ensure!((done.code, done.stdout.as_str()) == (2, ""), "{done:?}");
    ensure!(done.stderr.contains("leave out --json"), "{done:?}");
    let done = fixture.run("metrics")?;
    ensure!((done.code, done.stdout.as_str()) == (4, ""), "{done:?}");
    ensure!(done.stderr.contains("ostrakon migrate"), "{done:?}");
    Ok(())
}
