//! `DeleteUser` keeps the contract, on every flavour.

use anyhow::Result;
use ostrakon_jobs::{AnyJob, DeleteUser};
use testkit::{Database, Flavour, World};

use super::{Scenario, contract, delete_activities::an_account_with_everything};

/// An account with posts, relations in every direction and other rows of its own.
pub(super) async fn scenario(
    database: Database,
    confirmed: bool,
    thorough: bool,
) -> Result<Scenario> {
    let world = World::new(&database);
    let alice = an_account_with_everything(&world).await?;
    let dora = world.local("dora").await?;
    let otto = world.remote("otto", "old.example").await?;
    for other in [&dora, &otto] {
        alice.follows(other).await?;
        other.follows(&alice).await?;
    }
    let private = world.local("private").await?;
    alice.requests_to_follow(&private).await?;
    private.requests_to_follow(&alice).await?;
    if !confirmed {
        let statement = match database.flavour() {
            Flavour::Pleroma22 => "update users set approval_pending = true where id = $1",
            Flavour::Pleroma | Flavour::Akkoma => {
                "update users set is_confirmed = false where id = $1"
            }
        };
        sqlx::query(statement).bind(alice.id()).execute(&database.pool()).await?;
    }
    let mut job = DeleteUser::new("alice".to_owned(), alice.ap_id().to_owned());
    job.thorough = thorough;
    job.federate_posts = thorough;
    Ok(Scenario { database, job: AnyJob::from(job), bystander: "neighbour" })
}

#[tokio::test]
async fn pleroma_delete_user_keeps_the_contract() -> Result<()> {
    contract(scenario(Database::create(Flavour::Pleroma).await?, true, false).await?).await
}

#[tokio::test]
async fn akkoma_delete_user_keeps_the_contract() -> Result<()> {
    contract(scenario(Database::create(Flavour::Akkoma).await?, true, false).await?).await
}

#[tokio::test]
async fn pleroma22_delete_user_keeps_the_contract() -> Result<()> {
    contract(scenario(Database::create(Flavour::Pleroma22).await?, true, false).await?).await
}

#[tokio::test]
async fn delete_user_keeps_the_contract_for_a_row_that_goes() -> Result<()> {
    for flavour in Flavour::ALL {
        contract(scenario(Database::create(flavour).await?, false, false).await?).await?;
    }
    Ok(())
}

#[tokio::test]
async fn delete_user_keeps_the_contract_when_it_is_thorough_and_tells_of_each_post() -> Result<()> {
    for flavour in Flavour::ALL {
        contract(scenario(Database::create(flavour).await?, true, true).await?).await?;
    }
    Ok(())
}
