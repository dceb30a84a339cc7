//! `PurgeInstance` keeps the contract, and leaves nothing of a host but what it says.

mod keep;
mod scan;
mod seed;

use anyhow::Result;
use ostrakon_jobs::{PurgeInstance, deactivate_instance::Host, purge_instance::Keep};
use testkit::{Database, Flavour, World};

use super::{Scenario, contract};
use seed::{Locals, Seed};

const HOST: &str = "evil.example";

fn job(keep: Keep) -> Result<PurgeInstance> {
    Ok(PurgeInstance::new(Host::parse(HOST)?, false, keep))
}

/// One of every kind of rows of the host, among those of hosts with similar names.
pub(super) async fn scenario(database: Database) -> Result<Scenario> {
    let world = World::new(&database);
    let locals = Locals::new(&world).await?;
    let neighbours =
        Locals { alice: world.local("neighbour1").await?, bob: world.local("neighbour2").await? };
    Seed::new(&database, &world, &locals).everything(HOST, "evil").await?;
    Seed::new(&database, &world, &neighbours)
        .everything("neighbour.notevil.example", "other")
        .await?;
    Ok(Scenario { database, job: job(Keep::default())?.into(), bystander: "neighbour" })
}

#[tokio::test]
async fn pleroma_purge_instance_keeps_the_contract() -> Result<()> {
    contract(scenario(Database::create(Flavour::Pleroma).await?).await?).await
}

#[tokio::test]
async fn akkoma_purge_instance_keeps_the_contract() -> Result<()> {
    contract(scenario(Database::create(Flavour::Akkoma).await?).await?).await
}

#[tokio::test]
async fn pleroma22_purge_instance_keeps_the_contract() -> Result<()> {
    contract(scenario(Database::create(Flavour::Pleroma22).await?).await?).await
}
