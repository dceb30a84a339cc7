//! Objects of all ages, authors and audiences, and what refers to them.

use anyhow::Result;
use serde_json::json;
use testkit::{Account, Flavour, Post};

use super::Fixture;

/// Makes a post as old as `days`, with all activities about it.
async fn aged(fixture: &Fixture, post: &Post, days: i32) -> Result<()> {
    for statement in [
        "update objects set updated_at = now() at time zone 'UTC' - make_interval(days => $2) where data ->> 'id' = $1",
        "update activities set updated_at = now() at time zone 'UTC' - make_interval(days => $2)
         where data ->> 'object' = $1",
    ] {
        sqlx::query(statement).bind(&post.object).bind(days).execute(&fixture.pool()).await?;
    }
    Ok(())
}

/// Posts of each audience, of each age.
async fn posts(fixture: &Fixture, account: &Account, friend: &Account) -> Result<()> {
    for days in [1, 89, 91, 119, 121, 600] {
        for draft in [
            account.posts("public").public(),
            account.posts("unlisted").unlisted(),
            account.posts("private").followers_only(),
            account.posts("direct").direct_to(friend),
        ] {
            let tag = format!("of{days}");
            aged(fixture, &draft.tagged(&tag).create().await?, days).await?;
        }
    }
    Ok(())
}

/// Threads, each with something that may keep it.
async fn threads(fixture: &Fixture, [local, far, star]: [&Account; 3]) -> Result<()> {
    let begun = async |text: &str| far.posts(text).public().create().await;
    let replied = async |to: &Post, by: &Account| {
        by.posts("an answer").public().replying_to(to).create().await
    };
    replied(&begun("only far away").await?, far).await?;
    replied(&begun("answered here").await?, local).await?;
    replied(&begun("answered by one who is followed").await?, star).await?;
    let new = begun("with a new answer").await?;
    let answer = replied(&new, far).await?;
    aged(fixture, &answer, 3).await?;
    let hidden = begun("answered in private").await?;
    far.posts("in private").direct_to(star).replying_to(&hidden).create().await?;
    let pleasant = begun("liked here").await?;
    local.likes(&pleasant).await?;
    star.likes(&begun("liked by one who is followed").await?).await?;
    star.boosts(&begun("boosted by one who is followed").await?).await?;
    let kept = begun("bookmarked").await?;
    replied(&kept, far).await?;
    local.bookmarks(&kept).await?;
    far.likes(&begun("liked far away").await?).await?;
    Ok(())
}

/// Replies of all kinds to a post of this server, whose number is wrong.
async fn replies(fixture: &Fixture, local: &Account, far: &Account) -> Result<()> {
    let asked = local.posts("a question").public().tagged("own").create().await?;
    local.bookmarks(&asked).await?;
    for days in [10, 100] {
        for draft in [
            far.posts("a public answer").public(),
            far.posts("an unlisted answer").unlisted(),
            far.posts("a private answer").followers_only(),
        ] {
            aged(fixture, &draft.replying_to(&asked).create().await?, days).await?;
        }
    }
    let vote = far.posts("a vote").public().replying_to(&asked).create().await?;
    aged(fixture, &vote, 5).await?;
    let unasked = local.posts("never answered").public().create().await?;
    for (row, data) in [
        (vote.object_row, json!({"type": "Answer"})),
        (asked.object_row, json!({"repliesCount": 77})),
        (unasked.object_row, json!({"repliesCount": 5})),
    ] {
        sqlx::query("update objects set data = data || $2 where id = $1")
            .bind(row)
            .bind(data)
            .execute(&fixture.pool())
            .await?;
    }
    Ok(())
}

/// What only ostrakon protects: posts that open reports name, by their activity or their object, and
/// one of a local account whose host was another.
async fn protected(fixture: &Fixture, local: &Account, far: &Account) -> Result<()> {
    for (by_activity, state) in [(true, "open"), (false, "open"), (false, "closed")] {
        let text = if state == "open" { "protected" } else { "reported" };
        let post = far.posts(text).public().create().await?;
        let activity: String =
            sqlx::query_scalar("select data ->> 'id' from activities where id = $1")
                .bind(post.activity)
                .fetch_one(&fixture.pool())
                .await?;
        let named = if by_activity {
            json!({"type": "Note", "id": activity, "content": "…"})
        } else {
            json!(post.object)
        };
        local
            .publishes(json!({"type": "Flag", "object": [far.ap_id(), named], "state": state,
                              "to": [], "cc": []}))
            .await?;
    }
    let moved = fixture.world.remote("moved", "former.example").await?;
    moved.posts("protected").public().create().await?;
    sqlx::query("update users set local = true where ap_id = $1")
        .bind(moved.ap_id())
        .execute(&fixture.pool())
        .await?;
    Ok(())
}

/// Objects without an author, of other types, and with odd documents.
const ODD: &str = r#"
    insert into objects (data, inserted_at, updated_at) values
    ('{"id": "https://far.example/objects/gone", "type": "Tombstone"}', '2020-01-01', '2020-01-01'),
    ('{"id": "https://far.example/objects/said", "type": "ChatMessage", "actor": "https://far.example/users/far"}',
     '2020-01-01', '2020-01-01'),
    ('{"id": "https://far.example/objects/to", "type": "Note", "actor": "https://far.example/users/far",
       "to": "https://www.w3.org/ns/activitystreams#Public"}', '2020-01-01', '2020-01-01'),
    ('{"id": "https://far.example/objects/map", "type": "Note", "actor": {"id": "https://far.example/users/far"}}',
     '2020-01-01', '2020-01-01'),
    ('{"type": "Document", "actor": "https://far.example/users/far"}', '2020-01-01', '2020-01-01'),
    ('{}', '2020-01-01', '2020-01-01'),
    ('[]', '2020-01-01', '2020-01-01')"#;

const HASHTAGS: &str = "insert into hashtags (name, inserted_at, updated_at)
    values ('unused', now(), now()), ('followed', now(), now())";

const FOLLOWED: &str = "insert into user_follows_hashtag (user_id, hashtag_id)
    select u.id, h.id from users u, hashtags h where u.nickname = 'alice' and h.name = 'followed'";

/// Fills the database.
pub(super) async fn seed(fixture: &Fixture) -> Result<()> {
    let world = &fixture.world;
    let alice = world.local("alice").await?;
    let far = world.remote("far", "far.example").await?;
    let star = world.remote("star", "star.example").await?;
    let fan = world.remote("fan", "fan.example").await?;
    alice.follows(&star).await?;
    fan.follows(&far).await?;
    alice.requests_to_follow(&far).await?;
    for account in [&alice, &far, &star] {
        posts(fixture, account, &alice).await?;
    }
    threads(fixture, [&alice, &far, &star]).await?;
    replies(fixture, &alice, &far).await?;
    protected(fixture, &alice, &far).await?;
    let bookmarked = far.posts("bookmarked and old").public().create().await?;
    alice.bookmarks(&bookmarked).await?;
    far.likes(&bookmarked).await?;
    let pinned = far.posts("pinned").public().create().await?;
    far.pins(&pinned).await?;
    fixture.sql(ODD).await?;
    if world.flavour() != Flavour::Pleroma22 {
        let other = far.posts("pinned by another").public().create().await?;
        star.pins(&other).await?;
        fixture.sql(HASHTAGS).await?;
        let follows: bool =
            sqlx::query_scalar("select to_regclass('user_follows_hashtag') is not null")
                .fetch_one(&fixture.pool())
                .await?;
        if follows {
            fixture.sql(FOLLOWED).await?;
        }
    }
    Ok(())
}
