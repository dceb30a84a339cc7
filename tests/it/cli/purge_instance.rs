//! `ostrakon purge instance`: what it says and refuses, with the least rights.

use anyhow::{Result, ensure};
use testkit::Flavour;

use super::Fixture;

/// A host with a post that a local account likes, and one with a similar name.
async fn fixture() -> Result<Fixture> {
    let fixture = Fixture::without_server(Flavour::Akkoma).await?;
    let alice = fixture.world.local("alice").await?;
    for host in ["evil.example", "sub.evil.example", "notevil.example"] {
        let mallory = fixture.world.remote("mallory", host).await?;
        alice.likes(&mallory.posts("hello").create().await?).await?;
        alice.follows(&mallory).await?;
    }
    Ok(fixture)
}

async fn accounts(fixture: &Fixture) -> Result<Vec<String>> {
    let accounts = "select nickname::text from users where not local order by nickname";
    Ok(sqlx::query_scalar(accounts).fetch_all(&fixture.pool()).await?)
}

#[tokio::test]
async fn a_plan_changes_nothing_and_a_run_removes_the_host() -> Result<()> {
    let fixture = fixture().await?;
    let before = fixture.state().await?;
    let planned = fixture.run("purge instance EVIL.example. --dry-run")?;
    ensure!(planned.code == 0, "{planned:?}");
    for line in [
        "1 post",
        "1 account",
        "1 active local account follows somebody at evil.example",
        "1 account of sub-domains of evil.example left alone",
    ] {
        ensure!(planned.stdout.contains(line), "{line}: {planned:?}");
    }
    ensure!(fixture.state().await? == before, "the plan changed something");
    let done = fixture.run("purge instance evil.example --yes --inline")?;
    ensure!(done.code == 0 && done.stdout == "Purged evil.example.\n", "{done:?}");
    let left = accounts(&fixture).await?;
    ensure!(left == ["mallory@notevil.example", "mallory@sub.evil.example"], "{left:?}");
    let again = fixture.run("purge instance evil.example --yes --inline")?;
    ensure!(again.code == 3 && again.stderr.contains("add --include-subdomains"), "{again:?}");
    let below = fixture.run("purge instance evil.example --include-subdomains --yes --inline")?;
    ensure!(below.code == 0, "{below:?}");
    ensure!(accounts(&fixture).await? == ["mallory@notevil.example"]);
    Ok(())
}

#[tokio::test]
async fn the_hosts_of_a_list_are_purged() -> Result<()> {
    let fixture = fixture().await?;
    let placed = fixture.world.remote("placed", "placed.example").await?;
    fixture
        .sql(
            "update users set nickname = 'placed@elsewhere.example' where nickname like 'placed@%'",
        )
        .await?;
    placed.posts("here").create().await?;
    let list = "#domain,#severity\nevil.example,suspend\nplaced.example,suspend\n\
                nobody.example,suspend\nnotevil.example,silence\n";
    let folder = tempfile::TempDir::new()?;
    let file = folder.path().join("list.csv");
    std::fs::write(&file, list)?;
    let line = format!("purge instance --hosts-file {} --yes --inline", file.display());
    let done = fixture.run(&line)?;
    ensure!(done.code == 0, "{done:?}");
    ensure!(done.stdout == "Purged evil.example.\nPurged placed.example.\n", "{done:?}");
    let left = accounts(&fixture).await?;
    ensure!(left == ["mallory@notevil.example", "mallory@sub.evil.example"], "{left:?}");
    Ok(())
}

#[tokio::test]
async fn what_must_not_be_purged_is_refused() -> Result<()> {
    let fixture = fixture().await?;
    let before = fixture.state().await?;
    for (line, code, says) in [
        ("purge instance peer.example --yes", 4, "this server's own host"),
        ("purge instance PEER.example. --yes", 4, "this server's own host"),
        ("purge instance nobody.example --yes", 3, "no account of nobody.example is known here"),
        ("purge instance example --yes", 2, "a host has at least one dot"),
        ("purge instance %.example --yes", 2, "Nothing was done"),
        ("purge instance https://evil.example --yes", 2, "Nothing was done"),
        ("purge instance", 2, "HOST"),
        ("purge instance evil.example --keep-followed some", 2, "full"),
        ("purge instance evil.example", 4, "--yes"),
    ] {
        let done = fixture.run(line)?;
        ensure!(done.code == code && done.stderr.contains(says), "{line}: {done:?}");
    }
    ensure!(fixture.state().await? == before, "something was changed");
    ensure!(fixture.ledger().await?.is_empty(), "something was queued");
    Ok(())
}
