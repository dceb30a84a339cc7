//! `DeleteActivities` keeps the contract, on every flavour.

use anyhow::Result;
use ostrakon_jobs::DeleteActivities;
use testkit::{Account, Database, Flavour, World};

use super::{Scenario, contract, contract_of_a_job_that_repeats};

/// One of everything that the job touches, and a neighbour without any connection to it. Returns
/// the account.
pub(super) async fn an_account_with_everything(world: &World) -> Result<Account> {
    let flavour = world.flavour();
    let alice = world.local("alice").await?;
    let bob = world.local("bob").await?;
    let carl = world.remote("carl", "far.example").await?;
    carl.follows(&alice).await?;
    bob.follows(&alice).await?;

    let theirs = bob.posts("bob speaks").public().create().await?;
    let remote = carl.posts("carl speaks").public().create().await?;
    let first = alice.posts("one").public().tagged("cats").tagged("rare").create().await?;
    bob.posts("still here").public().tagged("cats").create().await?;
    let reply = alice.posts("two").public().replying_to(&theirs).create().await?;
    alice.posts("three").unlisted().replying_to(&first).create().await?;
    alice.posts("four").followers_only().replying_to(&remote).create().await?;
    alice.posts("five").direct_to(&bob).create().await?;
    let media = alice.posts("six").public().with_attachment("cat.png").create().await?;
    if flavour == Flavour::Pleroma {
        alice.posts("seven").public().quoting(&theirs).create().await?;
    }
    for post in [&theirs, &remote, &first] {
        alice.likes(post).await?;
        alice.boosts(post).await?;
        bob.likes(post).await?;
    }
    carl.likes(&reply).await?;
    carl.boosts(&first).await?;
    bob.reacts(&media, "🐈").await?;
    bob.bookmarks(&first).await?;
    alice.pins(&first).await?;
    alice.blocks(&carl).await?;
    bob.posts("answer").public().replying_to(&first).create().await?;

    let neighbour = world.local("neighbour").await?;
    let visitor = world.remote("neighbour", "quiet.example").await?;
    let calm = neighbour.posts("a neighbour's post").public().tagged("neighbours").create().await?;
    visitor.likes(&calm).await?;
    visitor.follows(&neighbour).await?;
    neighbour.pins(&calm).await?;

    Ok(alice)
}

pub(super) async fn scenario(database: Database, via_server: bool) -> Result<Scenario> {
    let alice = an_account_with_everything(&World::new(&database)).await?;
    let job = DeleteActivities {
        nickname: "alice".to_owned(),
        actor: alice.ap_id().to_owned(),
        remote: false,
        via_server,
    };
    Ok(Scenario { database, job: job.into(), bystander: "neighbour" })
}

#[tokio::test]
async fn pleroma_delete_activities_keeps_the_contract() -> Result<()> {
    contract(scenario(Database::create(Flavour::Pleroma).await?, false).await?).await
}

#[tokio::test]
async fn akkoma_delete_activities_keeps_the_contract() -> Result<()> {
    contract(scenario(Database::create(Flavour::Akkoma).await?, false).await?).await
}

#[tokio::test]
async fn pleroma22_delete_activities_keeps_the_contract() -> Result<()> {
    contract(scenario(Database::create(Flavour::Pleroma22).await?, false).await?).await
}

#[tokio::test]
async fn deletion_by_the_server_keeps_the_contract() -> Result<()> {
    for flavour in Flavour::ALL {
        contract_of_a_job_that_repeats(scenario(Database::create(flavour).await?, true).await?)
            .await?;
    }
    Ok(())
}
