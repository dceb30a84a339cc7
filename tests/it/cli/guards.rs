//! Guards: `--yes` does not skip them, `--override REASON` does and is recorded.

use anyhow::{Result, ensure};
use serde_json::Value;
use testkit::Flavour;

use super::Fixture;

/// Four of five local accounts follow somebody on one host.
async fn fixture() -> Result<Fixture> {
    let mut fixture = Fixture::new(Flavour::Pleroma).await?;
    fixture.ostrakon = fixture.ostrakon.with("OSTRAKON_GUARD_FOLLOWED_ABOVE", "3");
    let famous = fixture.world.remote("famous", "big.example").await?;
    for name in ["pills1", "pills2", "alice", "bob"] {
        fixture.world.local(name).await?.follows(&famous).await?;
    }
    fixture.world.local("carl").await?;
    fixture.world.remote("someone", "small.example").await?.follows(&famous).await?;
    Ok(fixture)
}

/// What was recorded with the first event of the runs.
async fn overridden(fixture: &Fixture) -> Result<Vec<Value>> {
    let statement = "select detail -> 'overridden' from ostrakon.run_events
                     where event = 'queued' and detail ? 'overridden' order by id";
    Ok(sqlx::query_scalar(statement).fetch_all(&fixture.pool()).await?)
}

#[tokio::test]
async fn a_host_that_many_people_follow_is_guarded() -> Result<()> {
    let fixture = fixture().await?;
    let found = "4 people of this server follow accounts of big.example, more than \
                 guard.followed_above (3)";
    for command in ["user deactivate_all_from_instance", "purge instance"] {
        for flags in ["--yes", "--yes --queue --reason spam", "--inline --yes --json"] {
            let done = fixture.refused(&format!("{command} big.example {flags}")).await?;
            ensure!(done.code == 4 && done.stderr.contains(found), "{flags}: {done:?}");
            ensure!(done.stderr.contains("--override REASON"), "{done:?}");
        }
        let shown = fixture.refused(&format!("{command} big.example --dry-run")).await?;
        ensure!(shown.code == 0 && shown.stderr.contains(&format!("guard: {found}")), "{shown:?}");
        let empty = fixture.refused(&format!("{command} big.example --yes --override=")).await?;
        ensure!(empty.code == 2, "{empty:?}");
        let words: Vec<&str> = command.split(' ').collect();
        let line = [&words[..], &["--hosts-file", "-", "--yes", "--queue"]].concat();
        let done = fixture.ostrakon.run_with_input(&line, "small.example\nbig.example\n")?;
        ensure!(done.code == 4 && done.stderr.contains(found), "{done:?}");
    }
    ensure!(overridden(&fixture).await?.is_empty());
    let line = ["user", "deactivate_all_from_instance", "big.example", "--yes", "--queue"];
    let done = fixture.run_words(&[&line[..], &["--override", "they ask for it"]].concat())?;
    ensure!(done.code == 0, "{done:?}");
    let recorded = serde_json::json!({ "reason": "they ask for it", "guards": [found] });
    ensure!(overridden(&fixture).await? == [recorded]);
    Ok(())
}

#[tokio::test]
async fn a_parent_domain_of_this_server_is_guarded() -> Result<()> {
    let mut fixture = fixture().await?;
    fixture.ostrakon = fixture.ostrakon.with("OSTRAKON_INSTANCE_URL", "https://a.small.example");
    for command in ["user deactivate_all_from_instance", "purge instance"] {
        let done = fixture.refused(&format!("{command} small.example --yes")).await?;
        let found = "small.example is a parent domain of this server's own host a.small.example";
        ensure!(done.code == 4 && done.stderr.contains(found), "{done:?}");
        // With its sub-domains it is this server itself, which nothing overrides.
        let line = format!("{command} small.example --include-subdomains --yes --override why");
        ensure!(fixture.refused(&line).await?.code == 4);
    }
    Ok(())
}

#[tokio::test]
async fn a_large_share_of_the_local_accounts_is_guarded() -> Result<()> {
    let fixture = fixture().await?;
    let found = "2 of the 5 local accounts are more than guard.max_share_percent (20 %)";
    for line in [
        "user rm --nick pills* --yes",
        "user delete_activities --nick pills* --yes",
        "user deactivate --nick pills* --yes",
        "user tag --nick pills* --yes -- sandbox",
        "user sign_out --nick pills* --yes",
    ] {
        let done = fixture.refused(line).await?;
        ensure!(done.code == 4 && done.stderr.contains(found), "{line}: {done:?}");
    }
    let one = fixture.refused("user rm alice --yes --override because").await?;
    ensure!(one.code == 2, "{one:?}");
    let done = fixture.run("user deactivate --nick pills* --yes --queue --override raid")?;
    ensure!(done.code == 0 && done.stderr.contains(&format!("overridden: {found}")), "{done:?}");
    let recorded = serde_json::json!({ "reason": "raid", "guards": [found] });
    ensure!(overridden(&fixture).await? == [recorded.clone(), recorded.clone()]);
    let done = fixture.run("user sign_out --nick pills* --yes --override raid")?;
    ensure!(done.code == 0, "{done:?}");
    let actions: Vec<Value> =
        sqlx::query_scalar("select detail -> 'overridden' from ostrakon.actions")
            .fetch_all(&fixture.pool())
            .await?;
    ensure!(actions == [recorded.clone(), recorded], "{actions:?}");
    Ok(())
}
