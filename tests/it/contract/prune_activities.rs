//! `PruneActivities` keeps the contract, on every server.

use anyhow::Result;
use ostrakon_jobs::PruneActivities;
use serde_json::json;
use testkit::{Account, Database, Flavour, World};

use super::{Scenario, contract};

/// An activity of an account about something, by its id.
async fn about(account: &Account, kind: &str, object: serde_json::Value) -> Result<()> {
    account.publishes(json!({"type": kind, "object": object, "to": [], "cc": []})).await?;
    Ok(())
}

/// Accounts with activities about what is gone: likes, posts, a boost that is undone, an Undo
/// that came before its boost. Among others about what is here.
pub(super) async fn scenario(database: Database) -> Result<Scenario> {
    let world = World::new(&database);
    let alice = world.local("neighbour_alice").await?;
    let post = alice.posts("here").public().create().await?;
    for number in 0..4 {
        let far = world.remote(&format!("far{number}"), "far.example").await?;
        let gone = |what: &str| json!(format!("https://gone.example/{what}/{number}"));
        about(&far, "Undo", gone("late")).await?;
        about(&far, "Like", gone("objects")).await?;
        about(&far, "Create", gone("objects")).await?;
        about(&far, "Announce", gone("objects")).await?;
        about(&far, "Undo", gone("boosts")).await?;
        // The boost that is undone, and the one whose Undo came first.
        for (kind, id) in [("Announce", "boosts"), ("EmojiReact", "late")] {
            let row = far
                .publishes(json!({"type": kind, "object": gone("posts"), "to": [], "cc": []}))
                .await?;
            sqlx::query("update activities set data = jsonb_set(data, '{id}', $2) where id = $1")
                .bind(row)
                .bind(gone(id))
                .execute(&database.pool())
                .await?;
        }
        about(&far, "Flag", json!([gone("users"), gone("posts")])).await?;
        let neighbour = world.remote(&format!("neighbour{number}"), "neighbour.example").await?;
        neighbour.likes(&post).await?;
        neighbour.posts("here as well").public().create().await?;
        let local = world.local(&format!("neighbour_local{number}")).await?;
        about(&local, "Like", gone("objects")).await?;
        about(&neighbour, "Follow", json!(local.ap_id())).await?;
    }
    Ok(Scenario {
        database,
        job: PruneActivities::new(true, true, None).into(),
        bystander: "neighbour",
    })
}

#[tokio::test]
async fn prune_activities_keeps_the_contract() -> Result<()> {
    for flavour in Flavour::ALL {
        contract(scenario(Database::create(flavour).await?).await?).await?;
    }
    Ok(())
}
