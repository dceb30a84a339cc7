//! Follows of an account that is removed.

use anyhow::{Result, ensure};
use testkit::Flavour;

use super::{Fixture, cases, documents::Documents};

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
    let fixture = Fixture::without_server(flavour).await?;
    let alice = fixture.world.local("alice").await?;
    let mut others = Vec::new();
    for number in 0..12 {
        let follower = fixture.world.remote(&format!("f{number}"), "far.example").await?;
        follower.follows(&alice).await?;
        alice.follows(&follower).await?;
        others.push(follower);
    }
    let follows: Vec<uuid::Uuid> =
        sqlx::query_scalar("select id from activities where data ->> 'type' = 'Follow'")
            .fetch_all(&fixture.pool())
            .await?;
    for follow in follows {
        documents.spoil_activity(&fixture.pool(), follow, &[]).await?;
    }
    // The account's own row is spoilt as well.
    if flavour == Flavour::Pleroma22 {
        fixture
            .sql("update users set fields = '[{\"name\": [[]], \"value\": 1e309}]' where local")
            .await?;
    } else {
        fixture
            .sql(
                "update users set pinned_objects = '[[], 1e309]',
                     fields = '[{\"name\": [[]], \"value\": 1e309}]' where local",
            )
            .await?;
    }
    let done = fixture.run("user rm alice --yes --inline")?;
    let parked = fixture.parked().await?;
    ensure!(done.code == 0 && parked.is_empty(), "{done:?}: {parked:?}");
    let undos: i64 = sqlx::query_scalar(
        "select count(*) from activities where data ->> 'type' = 'Undo'
           and data -> 'object' ->> 'type' = 'Follow' and data -> 'object' -> 'context' = data -> 'context'",
    )
    .fetch_one(&fixture.pool())
    .await?;
    ensure!(undos == 24, "{undos} Follows are taken back");
    let relations: i64 = sqlx::query_scalar("select count(*) from following_relationships")
        .fetch_one(&fixture.pool())
        .await?;
    ensure!(relations == 0, "{relations} relations are left");
    Ok(())
}
