//! Which account a nickname names, and accounts that are already in the requested state.

use anyhow::Result;
use testkit::Flavour;

use super::{FLAVOURS, Fixture, redacted};

#[tokio::test]
async fn nobody_has_the_nickname() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = Fixture::new(flavour).await?;
        fixture.world.local("alice").await?;
        let expected = [
            ("delete_activities nobody --yes", "No local user nobody\n"),
            ("delete_activities nobody --yes --inline", "No local user nobody\n"),
            ("delete_activities nobody --dry-run --json", "No local user nobody\n"),
            ("delete_activities nobody --remote --yes", "No user nobody\n"),
            // The server's own search for nicknames compares the whole host, not only its
            // beginning.
            (
                "delete_activities alice@peer.example.net --yes",
                "No local user alice@peer.example.net\n",
            ),
            ("delete_activities x@gone.example --yes", "No local user x@gone.example\n"),
            ("activate nobody", "No user nobody\n"),
            ("deactivate nobody", "No user nobody\n"),
        ];
        let lines = expected.map(|(command, _)| format!("user {command}"));
        let all = fixture.all_refused(&lines).await?;
        for ((command, line), done) in expected.iter().zip(all) {
            let reported = (done.code, done.stdout.as_str(), done.stderr.as_str());
            assert_eq!(reported, (3, "", *line), "{flavour}: {command}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_remote_account_needs_a_flag() -> Result<()> {
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    fixture.world.local("alice").await?;
    fixture.world.remote("mallory", "spam.example").await?.posts("buy").create().await?;
    let done =
        fixture.refused("user delete_activities mallory@spam.example --yes --inline").await?;
    insta::assert_snapshot!(done.transcript(), @r"
    err| No local user mallory@spam.example
    err| It is a remote account: add --remote to clean it up here without notifying other servers.
    exit 3
    ");
    Ok(())
}

#[tokio::test]
async fn every_spelling_of_an_own_nickname_is_found() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = Fixture::without_ledger(flavour).await?;
        fixture.world.local("alice").await?.posts("hello").create().await?;
        for typed in ["alice", "ALICE", "alice@peer.example", "@Alice@PEER.example"] {
            let (code, plan) =
                fixture.json(&format!("user delete_activities {typed} --dry-run"))?;
            assert_eq!((code, &plan["total"]), (0, &1.into()), "{flavour}: {typed}: {plan}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_account_that_is_as_wanted_is_left_alone() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = Fixture::new(flavour).await?;
        fixture.world.local("alice").await?;
        let bob = fixture.world.remote("bob", "far.example").await?;
        bob.is_deactivated().await?;
        let done = fixture.refused("user activate alice").await?;
        assert_eq!(done.stdout, "User alice already activated\n", "{flavour}");
        assert_eq!((done.stderr.as_str(), done.code), ("", 0), "{flavour}");

        let done = fixture.refused("user deactivate bob@far.example").await?;
        let lines = if flavour == Flavour::Pleroma22 {
            // This release repeats the effects of a deactivation. Here there are none.
            "Deactivating bob@far.example\n\
             Successfully unsubscribed all local followers from bob@far.example\n"
        } else {
            "User bob@far.example already deactivated\n"
        };
        assert_eq!((done.stdout.as_str(), done.code), (lines, 0), "{flavour}");
    }
    Ok(())
}

#[tokio::test]
async fn pleroma22_deactivates_once_more() -> Result<()> {
    let fixture = Fixture::new(Flavour::Pleroma22).await?;
    let alice = fixture.world.local("alice").await?;
    let carol = fixture.world.local("carol").await?;
    carol.follows(&alice).await?;
    carol.is_deactivated().await?;
    let done = fixture.run("user deactivate carol --inline")?;
    assert_eq!(
        (done.stdout.as_str(), done.code),
        ("Deactivating carol\nSuccessfully unsubscribed all local followers from carol\n", 0)
    );
    assert_eq!(alice.column("follower_count").await?, 0);
    Ok(())
}

#[tokio::test]
async fn pleroma22_keeps_what_a_deactivated_account_posted() -> Result<()> {
    let fixture = Fixture::new(Flavour::Pleroma22).await?;
    let carol = fixture.world.local("carol").await?;
    carol.posts("hello").create().await?;
    carol.is_deactivated().await?;
    let done = fixture.refused("user delete_activities carol --yes --inline").await?;
    insta::assert_snapshot!(done.transcript(), @r"
    err| error: carol is deactivated, and this release of Pleroma deletes nothing of deactivated accounts. Activate it first: ostrakon user activate carol
    exit 4
    ");
    Ok(())
}

#[tokio::test]
async fn an_account_without_posts_is_done_at_once() -> Result<()> {
    let _redacted = redacted();
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    fixture.world.local("alice").await?;
    let done = fixture.refused("user delete_activities alice").await?;
    insta::assert_snapshot!(done.transcript(), @r"
    out| User alice statuses deleted.
    err| There was nothing to do.
    exit 0
    ");
    Ok(())
}
