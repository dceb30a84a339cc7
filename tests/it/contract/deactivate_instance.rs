//! `DeactivateInstance` keeps the contract, on every flavour.

use anyhow::Result;
use kenoma_jobs::{DeactivateInstance, deactivate_instance::Host};
use testkit::{Database, Flavour, World};

use super::{Scenario, contract};

/// A dozen accounts of the host among others, with relations to local ones in both directions.
async fn scenario(flavour: Flavour) -> Result<Scenario> {
    let database = Database::create(flavour).await?;
    let world = World::new(&database);
    let alice = world.local("alice").await?;
    let bob = world.local("bob").await?;
    for number in 0..12 {
        let spammer = world.remote(&format!("s{number}"), "spam.example").await?;
        spammer.follows(&alice).await?;
        if number % 2 == 0 {
            spammer.follows(&bob).await?;
            bob.follows(&spammer).await?;
        }
        // Names that a pattern would hit as well.
        let host = ["spam.example.com", "sub.spam.example", "notspam.example"][number % 3];
        let other = world.remote(&format!("neighbour{number}"), host).await?;
        other.follows(&world.local(&format!("neighbour{number}")).await?).await?;
    }
    let job = DeactivateInstance::new(Host::parse("spam.example")?, false, Some(alice.id()));
    Ok(Scenario { database, job: job.into(), bystander: "neighbour" })
}

#[tokio::test]
async fn pleroma_deactivate_instance_keeps_the_contract() -> Result<()> {
    contract(scenario(Flavour::Pleroma).await?).await
}

#[tokio::test]
async fn akkoma_deactivate_instance_keeps_the_contract() -> Result<()> {
    contract(scenario(Flavour::Akkoma).await?).await
}

#[tokio::test]
async fn pleroma22_deactivate_instance_keeps_the_contract() -> Result<()> {
    contract(scenario(Flavour::Pleroma22).await?).await
}
