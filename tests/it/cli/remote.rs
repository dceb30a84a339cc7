//! `--remote`: cleans up an account of another server here, without notifying other servers.

use anyhow::Result;
use serde_json::Value;
use testkit::State;

use super::{FLAVOURS, Fixture};

/// Rows of a table for which `holds` is true.
fn rows<'s>(state: &'s State, table: &str, holds: impl Fn(&Value) -> bool) -> Vec<&'s Value> {
    state.rows(table).iter().filter(|row| holds(row)).collect()
}

#[tokio::test]
async fn posts_go_here_and_nobody_is_informed() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = Fixture::new(flavour).await?;
        let world = &fixture.world;
        let alice = world.local("alice").await?;
        let mallory = world.remote("mallory", "spam.example").await?;
        // On the same server, with the same first letters: must not be mixed up.
        let mallory2 = world.remote("mallory2", "spam.example").await?;
        let spam = mallory.posts("buy this").mentioning(&alice).tagged("spam").create().await?;
        mallory.posts("buy that").unlisted().create().await?;
        let hello = alice.posts("hello").create().await?;
        let reply = mallory.posts("buy").replying_to(&hello).create().await?;
        let like_of_spam = alice.likes(&spam).await?;
        mallory.likes(&hello).await?;
        mallory.boosts(&hello).await?;
        mallory2.likes(&hello).await?;
        let kept = mallory2.posts("kept").create().await?;
        let before = fixture.rows().await?.0;

        let done =
            fixture.run("user delete_activities Mallory@spam.example --remote --yes --inline")?;
        assert_eq!(
            (done.stdout.as_str(), done.code),
            ("User Mallory@spam.example statuses deleted.\n", 0),
            "{flavour}: {done:?}"
        );
        let after = fixture.rows().await?.0;

        let actor = mallory.ap_id();
        let left = rows(&after, "activities", |row| row["actor"] == actor);
        assert!(left.is_empty(), "{flavour}: {left:?}");
        let reported = rows(&after, "activities", |row| {
            matches!(row["data"]["type"].as_str(), Some("Delete" | "Undo"))
        });
        assert!(reported.is_empty(), "{flavour}: {reported:?}");
        let jobs = rows(&after, "oban_jobs", |row| {
            row["worker"].as_str().is_some_and(|worker| worker.contains("Publisher"))
        });
        assert!(jobs.is_empty(), "{flavour}: {jobs:?}");

        for post in [&spam, &reply] {
            let objects = rows(&after, "objects", |row| row["id"] == post.object_row);
            assert_eq!(objects[0]["data"]["type"], "Tombstone", "{flavour}");
        }
        // What other accounts did with the posts is deleted with them.
        let likes = rows(&after, "activities", |row| row["id"] == like_of_spam.to_string());
        assert!(likes.is_empty(), "{flavour}: {likes:?}");
        let notified = rows(&after, "notifications", |row| {
            !rows(&after, "activities", |activity| activity["id"] == row["activity_id"]).is_empty()
        });
        assert_eq!(notified.len(), after.rows("notifications").len(), "{flavour}");

        // Its likes and boosts of other accounts' posts are withdrawn. Those by other accounts
        // stay.
        let hellos = rows(&after, "objects", |row| row["id"] == hello.object_row);
        let data = &hellos[0]["data"];
        assert_eq!(data["likes"], serde_json::json!([mallory2.ap_id()]), "{flavour}");
        assert_eq!((&data["like_count"], &data["announcement_count"]), (&1.into(), &0.into()));
        assert_eq!(data["repliesCount"], 0, "{flavour}");

        // Everything else is as before.
        let of_others =
            |row: &Value| row["actor"] != actor && row["id"] != like_of_spam.to_string();
        assert_eq!(
            rows(&after, "activities", of_others),
            rows(&before, "activities", of_others),
            "{flavour}"
        );
        let other_users = |row: &Value| row["ap_id"] != actor;
        assert_eq!(
            rows(&after, "users", other_users),
            rows(&before, "users", other_users),
            "{flavour}"
        );
        let is_kept = |row: &Value| row["id"] == kept.object_row;
        assert_eq!(rows(&after, "objects", is_kept), rows(&before, "objects", is_kept));
    }
    Ok(())
}

#[tokio::test]
async fn the_flag_does_not_silence_an_own_account() -> Result<()> {
    let fixture = Fixture::new(testkit::Flavour::Pleroma).await?;
    let alice = fixture.world.local("alice").await?;
    alice.posts("hello").create().await?;
    let done = fixture.run("user delete_activities alice --remote --yes --inline")?;
    assert_eq!(done.code, 0, "{done:?}");
    let after = fixture.rows().await?.0;
    let deletes = rows(&after, "activities", |row| row["data"]["type"] == "Delete");
    assert_eq!(deletes.len(), 1);
    Ok(())
}
