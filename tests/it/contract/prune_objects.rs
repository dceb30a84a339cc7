//! `PruneObjects` keeps the contract, on every server.

use anyhow::Result;
use chrono::{Days, Utc};
use ostrakon_jobs::{
    PruneObjects,
    prune_objects::{KeepFollowed, Options},
};
use testkit::{Database, Flavour, World};

use super::{Scenario, contract};

/// What is not old.
const NEIGHBOURS: &str =
    "update objects set updated_at = now() where data ->> 'actor' like '%neighbour%';
    update activities set updated_at = now() where actor like '%neighbour%'";

/// Deliveries of what is deleted, whose foreign key does not cascade.
const DELIVERIES: &str = "insert into deliveries (object_id, user_id)
    select o.id, u.id from objects o, users u
    where o.data ->> 'actor' like '%/far1' and u.nickname = 'far2@far.example'";

/// Accounts with old posts in threads of their own: with hashtags, likes, boosts and
/// bookmarks; wrong numbers of replies. Among others whose posts are new, or of this server.
pub(super) async fn scenario(database: Database, threads: bool) -> Result<Scenario> {
    let world = World::new(&database);
    let alice = world.local("neighbour_alice").await?;
    let own = alice.posts("own").public().tagged("neighbour").create().await?;
    let asked = world.remote("asked", "far.example").await?;
    let question = asked.posts("a question").public().create().await?;
    let reader = world.local("reader").await?;
    for number in 0..4 {
        let far = world.remote(&format!("far{number}"), "far.example").await?;
        let tag = format!("tag{number}");
        let post = far.posts("old").public().tagged(&tag).tagged("shared").create().await?;
        let reply = far.posts("old as well").unlisted().replying_to(&post).create().await?;
        far.posts("to followers").followers_only().create().await?;
        far.posts("in a thread").public().replying_to(&question).create().await?;
        far.likes(&reply).await?;
        far.boosts(&post).await?;
        if number % 3 == 0 {
            reader.bookmarks(&post).await?;
            reader.likes(&reply).await?;
        }
        let neighbour = world.remote(&format!("neighbour{number}"), "neighbour.example").await?;
        let new = neighbour.posts("new").public().tagged("neighbour").create().await?;
        alice.bookmarks(&new).await?;
        neighbour.likes(&own).await?;
        neighbour.boosts(&new).await?;
    }
    sqlx::raw_sql(NEIGHBOURS).execute(&database.pool()).await?;
    sqlx::raw_sql(DELIVERIES).execute(&database.pool()).await?;
    // It stays, with new replies; its number of replies is wrong.
    sqlx::query(
        "update objects set updated_at = now(), data = data || '{\"repliesCount\": 40}' where id = $1",
    )
    .bind(question.object_row)
    .execute(&database.pool())
    .await?;
    sqlx::query(
        "update objects set updated_at = now() where data ->> 'inReplyTo' = $1 and id % 2 = 0",
    )
    .bind(&question.object)
    .execute(&database.pool())
    .await?;
    let before = Utc::now().checked_sub_days(Days::new(90)).unwrap_or_default();
    let job = PruneObjects::new(
        before,
        Options {
            keep_threads: threads,
            keep_non_public: false,
            keep_followed: if threads { KeepFollowed::Full } else { KeepFollowed::Posts },
            keep_pinned: database.flavour() == Flavour::Akkoma,
            prune_orphaned_activities: true,
            fix_replies_count: true,
            limit: None,
        },
    );
    Ok(Scenario { database, job: job.into(), bystander: "neighbour" })
}

#[tokio::test]
async fn prune_objects_keeps_the_contract() -> Result<()> {
    for flavour in Flavour::ALL {
        contract(scenario(Database::create(flavour).await?, false).await?).await?;
    }
    Ok(())
}

#[tokio::test]
async fn prune_objects_in_threads_keeps_the_contract() -> Result<()> {
    for flavour in [Flavour::Pleroma, Flavour::Akkoma] {
        contract(scenario(Database::create(flavour).await?, true).await?).await?;
    }
    Ok(())
}
