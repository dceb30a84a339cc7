//! `DeactivateUser` and `ActivateUser` keep the contract, on every flavour.

use anyhow::Result;
use kenoma_jobs::{ActivateUser, AnyJob, DeactivateUser};
use testkit::{Account, Database, Flavour, World};

use super::{Scenario, contract};

/// An account with relations in every direction, and neighbours who have nothing to do with it.
async fn seed(database: &Database) -> Result<Account> {
    let world = World::new(database);
    let alice = world.local("alice").await?;
    let bob = world.local("bob").await?;
    let sleeper = world.local("sleeper").await?;
    let carl = world.remote("carl", "far.example").await?;
    for friend in [&bob, &sleeper, &carl] {
        alice.follows(friend).await?;
        friend.follows(&alice).await?;
    }
    carl.follows(&bob).await?;
    sleeper.is_deactivated().await?;

    let neighbour = world.local("neighbour").await?;
    let visitor = world.remote("neighbour", "quiet.example").await?;
    visitor.follows(&neighbour).await?;
    neighbour.follows(&visitor).await?;
    neighbour.posts("a neighbour's post").public().create().await?;
    Ok(alice)
}

async fn deactivation(flavour: Flavour) -> Result<()> {
    let database = Database::create(flavour).await?;
    let alice = seed(&database).await?;
    let job: AnyJob = DeactivateUser {
        nickname: "alice".into(),
        actor: alice.ap_id().into(),
        on_behalf_of: None,
    }
    .into();
    contract(Scenario { database, job, bystander: "neighbour" }).await
}

async fn activation(flavour: Flavour) -> Result<()> {
    let database = Database::create(flavour).await?;
    let alice = seed(&database).await?;
    alice.is_deactivated().await?;
    let job: AnyJob =
        ActivateUser { nickname: "alice".into(), actor: alice.ap_id().into(), on_behalf_of: None }
            .into();
    contract(Scenario { database, job, bystander: "neighbour" }).await
}

#[tokio::test]
async fn deactivate_user_keeps_the_contract() -> Result<()> {
    for flavour in Flavour::ALL {
        deactivation(flavour).await?;
    }
    Ok(())
}

#[tokio::test]
async fn activate_user_keeps_the_contract() -> Result<()> {
    for flavour in Flavour::ALL {
        activation(flavour).await?;
    }
    Ok(())
}
