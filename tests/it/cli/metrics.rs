//! `kenoma metrics`: what the ledger says, as Prometheus reads it.

use anyhow::{Result, ensure};
use testkit::Flavour;

use super::House;

#[tokio::test]
async fn figures_are_those_of_the_ledger() -> Result<()> {
    let house = House::new(Flavour::Pleroma).await?;
    for name in ["alice", "bob", "carol"] {
        house.world.local(name).await?;
    }
    house.sql("update users set is_confirmed = false").await?;
    ensure!(house.run("user confirm_all --yes --inline")?.code == 0);
    let run = house.queue("user rm alice --yes")?;
    house.queue("user rm bob --yes")?;
    house
        .sql(
            "update kenoma.runs
             set status = 'running', lease_owner = 'a', lease_expires_at = now(), total = 9, done = 4,
                 parked = 2, brake = 'flag_file', braked_at = now() - interval '1 h', braked_ms = 1000
             where subject = 'alice';
             update kenoma.runs set available_at = now() - interval '2 h' where subject = 'bob';
             insert into kenoma.workers (id, host, pid, version) values ('a', 'here', 1, '0')",
        )
        .await?;
    let told = house.run("metrics")?;
    ensure!((told.code, told.stderr.as_str()) == (0, ""), "{told:?}");
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(&run, "<run>");
    // An hour and a second, and two hours; and what the test took.
    settings.add_filter(r"36\d\d\.\d+", "<an hour>");
    settings.add_filter(r"72\d\d\.\d+", "<two hours>");
    settings.bind(|| insta::assert_snapshot!("metrics", told.stdout));
    Ok(())
}

#[tokio::test]
async fn figures_have_one_format_and_need_the_ledger() -> Result<()> {
    let house = House::without_ledger(Flavour::Pleroma).await?;
    let done = house.run("metrics --json")?;
    ensure!((done.code, done.stdout.as_str()) == (2, ""), "{done:?}");
    ensure!(done.stderr.contains("leave out --json"), "{done:?}");
    let done = house.run("metrics")?;
    ensure!((done.code, done.stdout.as_str()) == (4, ""), "{done:?}");
    ensure!(done.stderr.contains("kenoma migrate"), "{done:?}");
    Ok(())
}
