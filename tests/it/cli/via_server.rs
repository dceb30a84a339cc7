//! `delete_activities`: what the running server is asked to do, or to reload.

use anyhow::Result;
use serde_json::{Value, json};
use testkit::{Flavour, Ostrakon, flake_text};

use super::{FLAVOURS, Fixture, reported::reads_anew};

/// Jobs that leave posts to the server, with the time between each one and the one before it.
async fn purges(fixture: &Fixture) -> Result<Vec<(Value, f64)>> {
    let jobs = sqlx::query_as(
        "select jsonb_build_array(queue, max_attempts, state, args),
                extract(epoch from scheduled_at
                        - lag(scheduled_at, 1, scheduled_at) over (order by id))::float8
         from public.oban_jobs where worker = 'Pleroma.Workers.PurgeExpiredActivity' order by id",
    );
    Ok(jobs.fetch_all(&fixture.database.pool()).await?)
}

#[tokio::test]
async fn posts_are_left_to_the_server_and_likes_are_not() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = Fixture::new(flavour).await?;
        let alice = fixture.world.local("alice").await?;
        let bob = fixture.world.local("bob").await?;
        let theirs = bob.posts("hi").create().await?;
        let mut posts = Vec::new();
        for text in ["one", "two", "three"] {
            posts.push(alice.posts(text).create().await?);
        }
        alice.likes(&theirs).await?;
        alice.boosts(&theirs).await?;
        let before = fixture.rows().await?.0;
        // One activity per batch: the posts keep their distance across batches.
        let ostrakon = fixture
            .ostrakon
            .clone()
            .with("OSTRAKON_BATCH_ROWS_INITIAL", "1")
            .with("OSTRAKON_BATCH_ROWS_MAX", "1");
        let line = "user delete_activities alice --via-server --inline --yes";
        let done = ostrakon.run(&line.split(' ').collect::<Vec<_>>())?;
        assert_eq!(
            (done.stdout.as_str(), done.code),
            ("User alice statuses are left to the server to delete.\n", 0),
            "{flavour}: {done:?}"
        );
        assert!(done.stderr.contains("about 50 a second"), "{flavour}: {done:?}");

        let queue = if flavour == Flavour::Pleroma { "background" } else { "activity_expiration" };
        let asked = purges(&fixture).await?;
        let jobs: Vec<Value> = asked.iter().map(|(job, _)| job.clone()).collect();
        let expected: Vec<Value> = posts
            .iter()
            .map(|post| {
                let args = json!({ "activity_id": flake_text(post.activity) });
                json!([queue, 1, "scheduled", args])
            })
            .collect();
        assert_eq!(jobs, expected, "{flavour}");
        assert!(asked[1..].iter().all(|(_, between)| *between > 0.0199), "{flavour}: {asked:?}");

        let after = fixture.rows().await?.0;
        for post in &posts {
            let row = |row: &&Value| row["id"] == post.object_row;
            let object = |state: &testkit::State| state.rows("objects").iter().find(row).cloned();
            assert_eq!(object(&after), object(&before), "{flavour}");
        }
        assert_eq!(alice.column("note_count").await?, 3, "{flavour}");
        let left: Vec<&Value> = after
            .rows("activities")
            .iter()
            .filter(|row| row["actor"] == alice.ap_id())
            .map(|row| &row["data"]["type"])
            .collect();
        assert_eq!(left, ["Create", "Create", "Create", "Undo", "Undo"], "{flavour}");
        assert!(
            fixture
                .refreshes()
                .await?
                .iter()
                .all(|job| job[1] != "Pleroma.Workers.BackgroundWorker")
        );
    }
    Ok(())
}

#[tokio::test]
async fn what_the_server_would_trip_over_is_done_here() -> Result<()> {
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    let alice = fixture.world.local("alice").await?;
    let kept = alice.posts("kept by the server").create().await?;
    alice.posts("pruned").create().await?;
    fixture.sql("delete from objects where data ->> 'content' like '%pruned%'").await?;
    let done = fixture.run("user delete_activities alice --via-server --inline --yes")?;
    assert_eq!(done.code, 0, "{done:?}");
    let asked = purges(&fixture).await?;
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!(asked[0].0[3]["activity_id"], flake_text(kept.activity));
    let after = fixture.rows().await?.0;
    let creates = after.rows("activities").iter().filter(|row| row["data"]["type"] == "Create");
    assert_eq!(creates.count(), 1);
    Ok(())
}

#[tokio::test]
async fn what_the_server_cannot_delete_is_deleted_here() -> Result<()> {
    for flavour in [Flavour::Pleroma, Flavour::Akkoma] {
        let fixture = Fixture::new(flavour).await?;
        if flavour == Flavour::Pleroma {
            // A table of Pleroma 2.9.
            fixture
                .sql(
                    "create table user_follows_hashtag (
                       id bigserial primary key, hashtag_id bigint references hashtags,
                       user_id uuid references users on delete cascade)",
                )
                .await?;
            Ostrakon::renew_least_rights(&fixture.database).await?;
        }
        let alice = fixture.world.local("alice").await?;
        let bob = fixture.world.local("bob").await?;
        let plain = alice.posts("no tag").create().await?;
        let unfollowed = alice.posts("a tag").tagged("unfollowed").create().await?;
        let shared = alice.posts("their tag too").tagged("shared").create().await?;
        bob.posts("my tag").tagged("shared").create().await?;
        // Deleting the first of these would succeed, and deleting the second would fail.
        let own = [
            alice.posts("own tag").tagged("own").tagged("shared").create().await?,
            alice.posts("own tag again").tagged("own").create().await?,
        ];
        fixture
            .sql(
                "insert into user_follows_hashtag (hashtag_id, user_id)
                 select h.id, u.id from hashtags h, users u
                 where h.name in ('own', 'shared') and u.nickname = 'bob'",
            )
            .await?;
        let done = fixture.run("user delete_activities alice --via-server --inline --yes")?;
        assert_eq!(done.code, 0, "{flavour}: {done:?}");
        let asked: Vec<Value> = purges(&fixture)
            .await?
            .into_iter()
            .map(|(job, _)| job[3]["activity_id"].clone())
            .collect();
        let left = [&plain, &unfollowed, &shared].map(|post| json!(flake_text(post.activity)));
        assert_eq!(asked, left, "{flavour}");
        let after = fixture.rows().await?.0;
        for post in &own {
            let row = after.rows("objects").iter().find(|row| row["id"] == post.object_row);
            assert!(row.is_some_and(|row| row["data"]["type"] == "Tombstone"), "{flavour}");
        }
        // A hashtag that an account follows stays.
        let tags: Vec<&Value> = after.rows("hashtags").iter().map(|row| &row["name"]).collect();
        assert!(tags.contains(&&json!("own")), "{flavour}: {tags:?}");
    }
    Ok(())
}

#[tokio::test]
async fn only_an_active_account_of_this_server_has_posts_for_it() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = Fixture::new(flavour).await?;
        let alice = fixture.world.local("alice").await?;
        alice.posts("hello").create().await?;
        alice.is_deactivated().await?;
        let done = fixture.refused("user delete_activities alice --via-server --yes").await?;
        assert_eq!((done.stdout.as_str(), done.code), ("", 4), "{flavour}: {done:?}");
        let done =
            fixture.refused("user delete_activities alice --via-server --remote --yes").await?;
        assert_eq!(done.code, 2, "{flavour}: {done:?}");
    }
    Ok(())
}

#[tokio::test]
async fn the_account_is_read_anew_once() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = Fixture::new(flavour).await?;
        let alice = fixture.world.local("alice").await?;
        for _ in 0..3 {
            alice.posts("hello").create().await?;
        }
        let carol = fixture.world.local("carol").await?;
        carol.posts("for a few").followers_only().create().await?;
        let ostrakon = fixture
            .ostrakon
            .clone()
            .with("OSTRAKON_BATCH_ROWS_INITIAL", "1")
            .with("OSTRAKON_BATCH_ROWS_MAX", "1");
        // Carol's row does not change: her post was not counted.
        for name in ["carol", "alice"] {
            let done = ostrakon.run(&["user", "delete_activities", name, "--inline", "--yes"])?;
            assert_eq!(done.code, 0, "{flavour}: {done:?}");
            let reported =
                done.stderr.contains("the number of posts and the pins of the account change");
            assert_eq!(reported, flavour != Flavour::Pleroma, "{flavour}: {done:?}");
        }
        let expected =
            if flavour == Flavour::Pleroma { vec![reads_anew(&alice)] } else { Vec::new() };
        assert_eq!(fixture.refreshes().await?, expected, "{flavour}");
    }
    Ok(())
}
