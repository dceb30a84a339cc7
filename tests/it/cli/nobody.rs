//! No worker is running: this process does short jobs, long jobs wait, and the command reports
//! both.

use anyhow::Result;
use testkit::Flavour;

use super::{Fixture, redacted};

async fn fixture() -> Result<Fixture> {
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    fixture.world.local("alice").await?.posts("hello").create().await?;
    fixture.world.remote("mallory", "spam.example").await?;
    Ok(fixture)
}

/// Records a worker whose last heartbeat was `ago` before now.
async fn seen(fixture: &Fixture, ago: &str) -> Result<()> {
    sqlx::query(
        "insert into ostrakon.workers (id, host, pid, version, seen_at)
         values ('w', 'h', 1, '0', clock_timestamp() - $1::text::interval)
         on conflict (id) do update set seen_at = excluded.seen_at",
    )
    .bind(ago)
    .execute(&fixture.database.pool())
    .await?;
    Ok(())
}

#[tokio::test]
async fn a_short_job_is_done_here() -> Result<()> {
    let _redacted = redacted();
    let fixture = fixture().await?;
    seen(&fixture, "5 minutes").await?;
    insta::assert_snapshot!(fixture.run("user deactivate mallory@spam.example")?.transcript(), @"
    out| Successfully deactivated mallory@spam.example and unsubscribed all local followers
    err| No worker is running: this process does it.
    exit 0
    ");
    let (code, run) = fixture.json("user activate mallory@spam.example")?;
    assert_eq!((code, &run["status"]), (0, &"succeeded".into()), "{run}");
    assert_eq!(fixture.run("user toggle_activated mallory@spam.example --wait")?.code, 0);
    // A run that was queued before need not wait either.
    fixture.queue("user deactivate alice")?;
    assert_eq!(fixture.run("user deactivate alice")?.code, 0);
    let waiting = fixture.ledger().await?.iter().filter(|row| row["status"] == "queued").count();
    assert_eq!(waiting, 0);
    // A running worker does it. With `--queue`, a future worker does.
    fixture.queue("user activate alice")?;
    assert_eq!(fixture.run("user activate alice --queue")?.code, 5);
    assert_eq!(fixture.run("user activate alice --queue --inline")?.code, 2);
    seen(&fixture, "1 second").await?;
    let done = fixture.run("user activate mallory@spam.example")?;
    assert!(done.stdout.starts_with("Queued activate_user "), "{done:?}");
    assert!(!done.stderr.contains("worker is running"), "{done:?}");
    Ok(())
}

#[tokio::test]
async fn a_long_job_waits_and_that_is_said_loudly() -> Result<()> {
    let fixture = fixture().await?;
    for line in [
        "user delete_activities alice --yes",
        "user deactivate_all_from_instance spam.example --yes --quiet",
    ] {
        let done = fixture.run(line)?;
        assert_eq!(done.code, 0, "{done:?}");
        let said = "warning: NOTHING IS DONE YET, no worker is running";
        assert!(done.stderr.lines().any(|line| line.starts_with(said)), "{done:?}");
    }
    Ok(())
}

#[tokio::test]
async fn on_a_terminal_a_long_job_may_be_done_here() -> Result<()> {
    for (typed, code, status) in [("y\ny\n", 0, "succeeded"), ("y\nn\n", 0, "queued")] {
        let fixture = fixture().await?;
        let done = fixture.ostrakon.run_on_terminal("user delete_activities alice", typed)?;
        assert_eq!(done.code, code, "{typed:?}: {done:?}");
        assert!(
            done.stdout.contains("No worker is running. Do it in this process now?"),
            "{done:?}"
        );
        assert_eq!(fixture.ledger().await?[0]["status"], status, "{typed:?}: {done:?}");
    }
    let fixture = fixture().await?;
    let done = fixture.ostrakon.run_on_terminal("user delete_activities alice", "n\n")?;
    assert_eq!((done.code, fixture.ledger().await?.len()), (4, 0), "{done:?}");
    seen(&fixture, "1 second").await?;
    let done = fixture.ostrakon.run_on_terminal("user delete_activities alice", "y\n")?;
    assert!(!done.stdout.contains("No worker"), "{done:?}");
    Ok(())
}

#[tokio::test]
async fn whoever_follows_learns_that_nobody_works() -> Result<()> {
    let fixture = fixture().await?;
    let id = fixture.queue("user delete_activities alice --yes")?;
    let done = fixture.run(&format!("runs watch {id} --wait-timeout 11s"))?;
    assert_eq!(done.code, 7, "{done:?}");
    assert!(done.stderr.contains("waits, and no worker is running"), "{done:?}");
    Ok(())
}
