//! What the seed builders make is what the servers would have made, for every flavour.

use anyhow::Result;
use serde_json::{Value, json};
use sqlx::PgPool;
use testkit::{Database, Flavour, Post, Transition, World, compare, snapshot};

async fn object(pool: &PgPool, post: &Post) -> Result<Value> {
    Ok(sqlx::query_scalar("select data from objects where id = $1")
        .bind(post.object_row)
        .fetch_one(pool)
        .await?)
}

async fn counted(pool: &PgPool, host: &str) -> Result<(i64, i64, i64, i64)> {
    let statement =
        "select public, unlisted, private, direct from counter_cache where instance = $1";
    Ok(sqlx::query_as(statement).bind(host).fetch_one(pool).await?)
}

async fn number(pool: &PgPool, statement: &'static str) -> Result<i64> {
    Ok(sqlx::query_scalar(statement).fetch_one(pool).await?)
}

#[tokio::test]
async fn posts_are_counted_as_the_servers_count_them() -> Result<()> {
    for flavour in Flavour::ALL {
        let database = Database::create(flavour).await?;
        let pool = database.pool();
        let world = World::new(&database);
        let alice = world.local("alice").await?;
        let carl = world.remote("carl", "far.example").await?;
        let first = alice.posts("hello").public().create().await?;
        alice.posts("hush").unlisted().create().await?;
        alice.posts("friends").followers_only().replying_to(&first).create().await?;
        alice.posts("psst").direct_to(&carl).create().await?;
        let answer = carl.posts("hi").replying_to(&first).tagged("Cats").create().await?;
        assert_eq!(counted(&pool, "peer.example").await?, (1, 1, 1, 1), "{flavour}");
        assert_eq!(counted(&pool, "far.example").await?, (1, 0, 0, 0), "{flavour}");
        assert_eq!(alice.column("note_count").await?, json!(2), "{flavour}");
        let replies = if flavour == Flavour::Akkoma { 1 } else { 2 };
        assert_eq!(object(&pool, &first).await?["repliesCount"], json!(replies), "{flavour}");
        assert_eq!(answer.context, first.context);
        let mentions = "select count(*) from notifications where type = 'mention'";
        assert_eq!(number(&pool, mentions).await?, 1, "{flavour}: only alice is told, by carl");
        if flavour != Flavour::Pleroma22 {
            let links = "select count(*) from hashtags_objects join hashtags on id = hashtag_id
                         where name = 'cats'";
            assert_eq!(number(&pool, links).await?, 1, "{flavour}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn reactions_leave_their_marks() -> Result<()> {
    for flavour in Flavour::ALL {
        let database = Database::create(flavour).await?;
        let pool = database.pool();
        let world = World::new(&database);
        let alice = world.local("alice").await?;
        let bob = world.local("bob").await?;
        let carl = world.remote("carl", "far.example").await?;
        let post = alice.posts("look").with_attachment("cat.png").create().await?;
        bob.likes(&post).await?;
        carl.likes(&post).await?;
        carl.boosts(&post).await?;
        bob.reacts(&post, "🔥").await?;
        bob.bookmarks(&post).await?;
        alice.pins(&post).await?;
        carl.follows(&alice).await?;
        bob.requests_to_follow(&alice).await?;
        bob.blocks(&carl).await?;
        let data = object(&pool, &post).await?;
        assert_eq!(data["likes"], json!([carl.ap_id(), bob.ap_id()]), "{flavour}");
        assert_eq!((&data["like_count"], &data["announcement_count"]), (&json!(2), &json!(1)));
        assert_eq!(data["attachment"][0]["type"], "Document");
        assert_eq!(alice.column("follower_count").await?, json!(1));
        assert_eq!(carl.column("following_count").await?, json!(1));
        // Two likes, boost, reaction, follow, request.
        assert_eq!(number(&pool, "select count(*) from notifications").await?, 6, "{flavour}");
        let pins = match flavour {
            Flavour::Pleroma22 => "pinned_activities",
            Flavour::Pleroma | Flavour::Akkoma => "pinned_objects",
        };
        let pinned = alice.column(pins).await?;
        assert_ne!(pinned, json!([]), "{flavour}");
        assert_ne!(pinned, json!({}), "{flavour}");
        bob.is_deactivated().await?;
    }
    Ok(())
}

#[tokio::test]
async fn quotes_are_counted_by_pleroma_only() -> Result<()> {
    for flavour in Flavour::ALL {
        let database = Database::create(flavour).await?;
        let world = World::new(&database);
        let alice = world.local("alice").await?;
        let post = alice.posts("wise words").create().await?;
        let quote = alice.posts("indeed").quoting(&post).create().await;
        assert_eq!(quote.is_err(), flavour == Flavour::Pleroma22, "{flavour}");
        let count = &object(&database.pool(), &post).await?["quotesCount"];
        let expected = if flavour == Flavour::Pleroma { json!(1) } else { Value::Null };
        assert_eq!(*count, expected, "{flavour}");
    }
    Ok(())
}

#[tokio::test]
async fn two_worlds_of_the_same_story_are_the_same() -> Result<()> {
    let mut states = Vec::new();
    for _ in 0..2 {
        let database = Database::create(Flavour::Akkoma).await?;
        let world = World::new(&database);
        let alice = world.local("alice").await?;
        let bob = world.local("bob").await?;
        let post = alice.posts("hello").tagged("x").create().await?;
        bob.likes(&post).await?;
        bob.follows(&alice).await?;
        states.push(snapshot(&database.pool()).await?);
    }
    assert_eq!(states[0], states[1]);
    assert_eq!(compare(&states[0], &states[0], &states[1]), Vec::new());
    Ok(())
}

/// The trigger is our own writing: it must keep the counters as the recorded one did.
#[tokio::test]
async fn the_trigger_counts_as_recorded() -> Result<()> {
    for flavour in Flavour::ALL {
        let recorded = Transition::load(flavour, "da_visibilities")?;
        let database = Database::create(flavour).await?;
        let pool = database.pool();
        recorded.load_before(&database).await?;
        sqlx::query(
            "delete from activities
             where data ->> 'type' = 'Create' and actor = 'https://peer.example/users/alice'",
        )
        .execute(&pool)
        .await?;
        let left = snapshot(&pool).await?;
        let expected = recorded.after().rows("counter_cache");
        assert_eq!(left.rows("counter_cache"), expected, "{flavour}");
    }
    Ok(())
}
