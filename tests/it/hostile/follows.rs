//! Follows of somebody who is removed.

use anyhow::{Result, ensure};
use testkit::Flavour;

use super::{House, cases, documents::Documents};

#[tokio::test]
async fn whatever_follows_say_they_are_taken_back() -> Result<()> {
    for flavour in Flavour::ALL {
        for (seed, mut documents) in cases() {
            are_taken_back(flavour, &mut documents).await.map_err(|error| {
                error.context(format!("{flavour}, OSTRAKON_HOSTILE_SEED={seed}"))
            })?;
        }
    }
    Ok(())
}

async fn are_taken_back(flavour: Flavour, documents: &mut Documents) -> Result<()> {
    let house = House::new(flavour).await?;
    let alice = house.world.local("alice").await?;
    let mut others = Vec::new();
    for number in 0..12 {
        let follower = house.world.remote(&format!("f{number}"), "far.example").await?;
        follower.follows(&alice).await?;
        alice.follows(&follower).await?;
        others.push(follower);
    }
    let follows: Vec<uuid::Uuid> =
        sqlx::query_scalar("select id from activities where data ->> 'type' = 'Follow'")
            .fetch_all(&house.pool())
            .await?;
    for follow in follows {
        documents.spoil_activity(&house.pool(), follow, &[]).await?;
    }
    // The account's own row as well.
    if flavour == Flavour::Pleroma22 {
        house
            .sql("update users set fields = '[{\"name\": [[]], \"value\": 1e309}]' where local")
            .await?;
    } else {
        house
            .sql(
                "update users set pinned_objects = '[[], 1e309]',
                     fields = '[{\"name\": [[]], \"value\": 1e309}]' where local",
            )
            .await?;
    }
    let done = house.run("user rm alice --yes --inline")?;
    let parked = house.parked().await?;
    ensure!(done.code == 0 && parked.is_empty(), "{done:?}: {parked:?}");
    let undos: i64 = sqlx::query_scalar(
        "select count(*) from activities where data ->> 'type' = 'Undo'
           and data -> 'object' ->> 'type' = 'Follow' and data -> 'object' -> 'context' = data -> 'context'",
    )
    .fetch_one(&house.pool())
    .await?;
    ensure!(undos == 24, "{undos} Follows are taken back");
    let relations: i64 = sqlx::query_scalar("select count(*) from following_relationships")
        .fetch_one(&house.pool())
        .await?;
    ensure!(relations == 0, "{relations} relations are left");
    Ok(())
}
