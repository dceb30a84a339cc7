//! Dry runs and confirmations.

use anyhow::Result;
use testkit::{Done, Flavour};

use super::{Fixture, redacted};

async fn fixture() -> Result<Fixture> {
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    let alice = fixture.world.local("alice").await?;
    let bob = fixture.world.local("bob").await?;
    alice.posts("hello").create().await?;
    let post = bob.posts("hi").create().await?;
    alice.likes(&post).await?;
    Ok(fixture)
}

#[tokio::test]
async fn a_dry_run_shows_the_plan_and_writes_nothing() -> Result<()> {
    let fixture = fixture().await?;
    let done = fixture.refused("user delete_activities alice --dry-run").await?;
    insta::assert_snapshot!(done.transcript(), @"
    out| delete_activities alice would touch:
    out|   1 post
    out|   1 like
    out|   0 boosts
    out| Server: Pleroma 2.7 to 2.9.
    out| Nothing was changed.
    exit 0
    ");
    let done = fixture.refused("user delete_activities alice --dry-run --json").await?;
    insta::assert_snapshot!(done.transcript(), @r#"
    out| {"dry_run":true,"job":"delete_activities","newer_migration":null,"notes":[],"plan":[{"items":1,"kind":"posts"},{"items":1,"kind":"likes"},{"items":0,"kind":"boosts"}],"server":"pleroma-2.7","subject":"alice","total":2,"writable":true}
    exit 0
    "#);
    // `--dry-run` overrides every flag that would act.
    for flags in ["--yes", "--yes --inline", "--yes --wait", "--yes --require-redis"] {
        let done =
            fixture.refused(&format!("user delete_activities alice --dry-run {flags}")).await?;
        assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{flags}: {done:?}");
        assert!(done.stdout.ends_with("Nothing was changed.\n"), "{flags}: {done:?}");
    }
    let done = fixture.refused("user deactivate bob --dry-run").await?;
    insta::assert_snapshot!(done.transcript(), @"
    out| deactivate_user bob would touch:
    out|   1 account
    out|   0 follow relations
    out| Server: Pleroma 2.7 to 2.9.
    out| Nothing was changed.
    exit 0
    ");
    Ok(())
}

#[tokio::test]
async fn without_a_terminal_nobody_is_asked() -> Result<()> {
    let fixture = fixture().await?;
    let done = fixture.refused("user delete_activities alice").await?;
    insta::assert_snapshot!(done.transcript(), @"
    err| delete_activities alice will touch:
    err|   1 post
    err|   1 like
    err|   0 boosts
    err| Server: Pleroma 2.7 to 2.9.
    err| error: this cannot be undone, and there is no terminal to ask on: add --yes to do it, or --dry-run to only look
    err| Nothing was changed.
    exit 4
    ");
    for command in ["delete_activities alice --inline", "delete_activities alice --json --quiet"] {
        let done = fixture.refused(&format!("user {command}")).await?;
        assert_eq!((done.stdout.as_str(), done.code), ("", 4), "{command}: {done:?}");
        assert!(done.stderr.contains("--yes") && done.stderr.contains("--dry-run"), "{done:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_quick_command_does_not_ask() -> Result<()> {
    let fixture = fixture().await?;
    let done = fixture.run("user deactivate bob --inline")?;
    insta::assert_snapshot!(done.transcript(), @"
    out| Successfully deactivated bob and unsubscribed all local followers
    exit 0
    ");
    Ok(())
}

/// Answers on a terminal in a way that must change nothing.
async fn answered_no(fixture: &Fixture, typed: &str) -> Result<Done> {
    let before = fixture.rows().await?;
    let done = fixture.ostrakon.run_on_terminal("user delete_activities alice --inline", typed)?;
    assert!(before == fixture.rows().await?, "rows changed: {done:?}");
    Ok(done)
}

#[tokio::test]
async fn on_a_terminal_no_is_the_default() -> Result<()> {
    let fixture = fixture().await?;
    let done = answered_no(&fixture, "\n").await?;
    let shown = done.stdout.replace('\u{1b}', "<ESC>");
    insta::assert_snapshot!(shown, @"

    delete_activities alice will touch:
      1 post
      1 like
      0 boosts
    Server: Pleroma 2.7 to 2.9.
    This cannot be undone. Go on? [y/N] <ESC>[1;31merror:<ESC>[0m declined; nothing was changed
    ");
    assert_eq!(done.code, 4);
    // The same at the end of input, and for every answer that is not a yes.
    for typed in ["", "n\n", "no\n", "yep\n", "ja\n", "y y\n"] {
        assert_eq!(answered_no(&fixture, typed).await?.code, 4, "{typed:?}");
    }
    Ok(())
}

#[tokio::test]
async fn on_a_terminal_yes_is_obeyed() -> Result<()> {
    for (flags, typed) in [("", "y\n"), ("--quiet", "YES\n")] {
        let fixture = fixture().await?;
        let line = format!("user delete_activities alice --inline {flags}");
        let done = fixture.ostrakon.run_on_terminal(&line, typed)?;
        assert_eq!(done.code, 0, "{done:?}");
        // The plan is shown even with `--quiet`: it is needed for an answer.
        assert!(done.stdout.contains("  1 post\n"), "{done:?}");
        let line = done.stdout.lines().last().unwrap_or_default();
        let line = line.rsplit('\r').next().unwrap_or_default();
        let line = line.trim_start_matches("\u{1b}[2K").trim_start_matches("[y/N] ");
        assert!(line.ends_with("User alice statuses deleted."), "{done:?}");
        assert!(!line.contains("left"), "the line stands behind the bar: {done:?}");
        let (_, ledger) = fixture.rows().await?;
        assert_eq!(ledger[0]["status"], "succeeded");
    }
    Ok(())
}

#[tokio::test]
async fn the_reason_is_kept() -> Result<()> {
    let _redacted = redacted();
    let fixture = fixture().await?;
    let words = ["user", "deactivate", "bob", "--inline", "--reason", "ticket 7: spam\nand more"];
    assert_eq!(fixture.run_words(&words)?.code, 0);
    let (_, ledger) = fixture.rows().await?;
    assert_eq!(ledger[0]["reason"], "ticket 7: spam\nand more");
    let id = ledger[0]["id"].as_str().unwrap_or_default();
    insta::assert_snapshot!(fixture.run(&format!("runs show {id}"))?.transcript(), @"
    out| Run          <run>
    out| Job          deactivate_user bob
    out| Status       succeeded
    out| Plan         1 account, 0 follow relations
    out| Done         1 of 1
    out| Asked by     tester@<machine> (database role ostrakon_least)
    out| Reason       ticket 7: spam and more
    out| Created      <time> UTC
    out| Started      <time> UTC
    out| Finished     <time> UTC
    out| History:
    out|   <time> queued by tester@<machine> (reason ticket 7: spam and more, total 1)
    out|   <time> started by <worker> (fence 1)
    out|   <time> planned by <worker> (total 1)
    out|   <time> succeeded by <worker> (done 1, parked 0, total 1)
    exit 0
    ");
    Ok(())
}
