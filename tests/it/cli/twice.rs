//! A second request while a run is unfinished.

use anyhow::Result;
use testkit::Flavour;

use super::{Fixture, redacted};

async fn fixture() -> Result<Fixture> {
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    fixture.world.local("alice").await?.posts("hello").create().await?;
    fixture.world.remote("mallory", "spam.example").await?;
    Ok(fixture)
}

#[tokio::test]
async fn the_first_run_is_named() -> Result<()> {
    let _redacted = redacted();
    let fixture = fixture().await?;
    for command in [
        "user delete_activities alice --yes",
        "user deactivate alice",
        "user deactivate_all_from_instance spam.example --yes",
    ] {
        let id = fixture.queue(command)?;
        // Another spelling, and no `--yes`: the command does not ask about what cannot be queued
        // anyway.
        let again = command.replace("alice", "Alice@peer.example").replace(" --yes", "");
        let done = fixture.refused(&format!("{again} --queue")).await?;
        assert_eq!((done.stdout.as_str(), done.code), ("", 5), "{done:?}");
        assert!(done.stderr.contains(&id), "{done:?}");
        let (code, run) = fixture.json(&format!("{command} --queue"))?;
        assert_eq!((code, run["run_id"].as_str()), (5, Some(id.as_str())), "{run}");
    }
    let done = fixture.refused("user delete_activities alice --yes").await?;
    insta::assert_snapshot!(done.transcript(), @"
    err| error: run <run> (delete_activities) is already queued; follow it with: ostrakon runs watch <run>
    exit 5
    ");
    // A host with its sub-domains and a host without them are two different requests.
    let wider = "user deactivate_all_from_instance spam.example --include-subdomains --yes";
    assert_ne!(fixture.queue(wider)?, "");
    Ok(())
}

#[tokio::test]
async fn the_other_direction_waits_for_the_first() -> Result<()> {
    let _redacted = redacted();
    let fixture = fixture().await?;
    let id = fixture.queue("user deactivate alice")?;
    // Alice is still active: "already activated" would be true only until a worker starts.
    let done = fixture.refused("user activate alice").await?;
    insta::assert_snapshot!(done.transcript(), @"
    err| error: run <run> (deactivate_user) is already queued; follow it with: ostrakon runs watch <run>
    exit 5
    ");
    assert!(done.stderr.contains(&id));
    assert_eq!(fixture.refused("user activate alice --inline").await?.code, 5);
    // A dry run is always allowed.
    assert_eq!(fixture.refused("user activate alice --dry-run").await?.code, 0);
    assert_eq!(fixture.run(&format!("runs cancel {id}"))?.code, 0);
    assert_eq!(fixture.run("user activate alice")?.stdout, "User alice already activated\n");
    Ok(())
}

#[tokio::test]
async fn inline_takes_up_a_queued_run() -> Result<()> {
    let fixture = fixture().await?;
    let id = fixture.queue("user delete_activities alice --yes")?;
    // As if it had just failed and were to be retried later.
    fixture
        .sql("update ostrakon.runs set attempt = 1, available_at = now() + interval '1 h'")
        .await?;
    let (code, run) = fixture.json("user delete_activities alice --yes --inline")?;
    assert_eq!(
        (code, run["run_id"].as_str(), &run["status"]),
        (0, Some(id.as_str()), &"succeeded".into()),
        "{run}"
    );
    Ok(())
}

#[tokio::test]
async fn inline_leaves_a_run_that_somebody_holds() -> Result<()> {
    let _redacted = redacted();
    let fixture = fixture().await?;
    let id = fixture.queue("user delete_activities alice --yes")?;
    assert_eq!(fixture.run(&format!("runs pause {id}"))?.code, 0);
    let done = fixture.refused("user delete_activities alice --yes --inline").await?;
    insta::assert_snapshot!(done.transcript(), @"
    err| error: run <run> (delete_activities) is already paused; resume it with: ostrakon runs resume <run>
    exit 5
    ");
    fixture
        .sql(
            "update ostrakon.runs set status = 'running', lease_owner = 'other',
             lease_expires_at = now() + interval '1 h'",
        )
        .await?;
    let done = fixture.refused("user delete_activities alice --yes --inline").await?;
    insta::assert_snapshot!(done.transcript(), @"
    err| error: run <run> (delete_activities) is already running; follow it with: ostrakon runs watch <run>
    exit 5
    ");
    Ok(())
}

#[tokio::test]
async fn a_finished_run_does_not_stand_in_the_way() -> Result<()> {
    let fixture = fixture().await?;
    for command in ["deactivate", "activate", "deactivate"] {
        assert_eq!(fixture.run(&format!("user {command} alice --inline"))?.code, 0);
    }
    let (_, ledger) = fixture.rows().await?;
    assert_eq!(ledger.iter().filter(|row| row["status"] == "succeeded").count(), 3);
    Ok(())
}
