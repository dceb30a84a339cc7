//! `DeactivateUser` and `ActivateUser` keep the contract, on every flavour.

use anyhow::Result;
use ostrakon_engine::Ended;
use ostrakon_jobs::{ActivateUser, AnyJob, DeactivateUser};
use testkit::{Account, Database, Flavour, World, snapshot};
use uuid::Uuid;

use super::{Scenario, contract, stage::Stage};

/// An account with relations in every direction, and neighbours without any connection to it.
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

pub(super) async fn deactivation(database: Database) -> Result<()> {
    let alice = seed(&database).await?;
    let job: AnyJob = DeactivateUser::new("alice".into(), alice.ap_id().into(), None).into();
    contract(Scenario { database, job, bystander: "neighbour" }).await
}

pub(super) async fn activation(database: Database) -> Result<()> {
    let alice = seed(&database).await?;
    alice.is_deactivated().await?;
    let job: AnyJob =
        ActivateUser::new("alice".into(), alice.ap_id().into(), Some(alice.id())).into();
    contract(Scenario { database, job, bystander: "neighbour" }).await
}

#[tokio::test]
async fn deactivate_user_keeps_the_contract() -> Result<()> {
    for flavour in Flavour::ALL {
        deactivation(Database::create(flavour).await?).await?;
    }
    Ok(())
}

#[tokio::test]
async fn activate_user_keeps_the_contract() -> Result<()> {
    for flavour in Flavour::ALL {
        activation(Database::create(flavour).await?).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_run_goes_on_when_the_account_of_the_staff_is_gone() -> Result<()> {
    let database = Database::create(Flavour::Pleroma).await?;
    let alice = World::new(&database).local("alice").await?;
    let gone = Some(Uuid::from_u128(7));
    let job: AnyJob = DeactivateUser::new("alice".into(), alice.ap_id().into(), gone).into();
    let stage = Stage::on(database).await?;
    let id = stage.enqueue(&job).await?;
    assert_eq!(stage.run(&job, &id).await?, Ended::Succeeded);
    assert_eq!(alice.column("is_active").await?, false);
    assert!(snapshot(&stage.pool()).await?.rows("moderation_log").is_empty());
    Ok(())
}
