//! `user forget_follow_request`: a follow request that another server never answered.

use anyhow::Result;
use testkit::State;

use super::{FLAVOURS, Fixture};

fn relations(state: &State) -> usize {
    state.rows("following_relationships").len()
}

#[tokio::test]
async fn an_open_request_is_deleted_and_nothing_else() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = Fixture::new(flavour).await?;
        let alice = fixture.world.local("alice").await?;
        let bob = fixture.world.remote("bob", "far.example").await?;
        let carl = fixture.world.remote("carl", "far.example").await?;
        let dora = fixture.world.local("dora").await?;
        alice.requests_to_follow(&bob).await?;
        alice.follows(&carl).await?;
        bob.requests_to_follow(&alice).await?;
        dora.requests_to_follow(&bob).await?;
        let before = fixture.rows().await?.0;

        let done = fixture.run("user forget_follow_request Alice bob@FAR.example")?;
        let line = "alice had asked to follow bob@far.example without an answer; the request is \
                    deleted and can be made again.\n";
        assert_eq!((done.stdout.as_str(), done.code), (line, 0), "{flavour}: {done:?}");
        let mut after = fixture.rows().await?.0;
        assert_eq!(relations(&after), relations(&before) - 1, "{flavour}");
        let gone = before.rows("following_relationships").iter().find(|row| {
            row["follower_id"] == alice.id().to_string()
                && row["following_id"] == bob.id().to_string()
        });
        after.rows_mut("following_relationships").extend(gone.cloned());
        after.rows_mut("following_relationships").sort_by_key(|row| row["id"].as_i64());
        assert!(before == after, "{flavour}: something else changed");
    }
    Ok(())
}

#[tokio::test]
async fn what_is_not_open_is_left_alone() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = Fixture::new(flavour).await?;
        let alice = fixture.world.local("alice").await?;
        let carl = fixture.world.remote("carl", "far.example").await?;
        fixture.world.remote("bob", "far.example").await?;
        fixture.world.local("dora").await?;
        alice.follows(&carl).await?;
        for (line, code, reported) in [
            ("alice carl@far.example", 0, "alice follows carl@far.example; nothing to fix.\n"),
            (
                "alice bob@far.example",
                0,
                "alice has no open request to follow bob@far.example; nothing to fix.\n",
            ),
            ("nobody bob@far.example", 3, "No local user nobody\n"),
            ("carl@far.example bob@far.example", 3, "No local user carl@far.example\n"),
            ("alice nobody@far.example", 3, "No user nobody@far.example\n"),
        ] {
            let done = fixture.refused(&format!("user forget-follow-request {line}")).await?;
            let said = format!("{}{}", done.stdout, done.stderr);
            assert_eq!((said.as_str(), done.code), (reported, code), "{flavour} {line}");
        }
        let done = fixture.refused("user forget_follow_request alice dora").await?;
        assert_eq!((done.code, done.stdout.as_str()), (4, ""), "{flavour}: {done:?}");
        fixture.sql("update following_relationships set state = 3").await?;
        let done = fixture.refused("user forget_follow_request alice carl@far.example").await?;
        let line = "carl@far.example has rejected alice's request to follow; nothing to fix.\n";
        assert_eq!((done.stdout.as_str(), done.code), (line, 0), "{flavour}");
    }
    Ok(())
}
