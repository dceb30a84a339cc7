//! The recordings load into the schemas and come out again as they were.

use anyhow::{Result, ensure};
use testkit::{Database, Flavour, Transition, snapshot};

async fn round_trip(flavour: Flavour) -> Result<()> {
    let database = Database::create(flavour).await?;
    for transition in Transition::all(flavour, "")? {
        database.empty().await?;
        transition.load_before(&database).await?;
        let loaded = snapshot(&database.pool()).await?;
        ensure!(loaded == transition.before, "{} comes back changed", transition.name);
    }
    Ok(())
}

#[tokio::test]
async fn recordings_of_pleroma_load_and_come_back() -> Result<()> {
    round_trip(Flavour::Pleroma).await
}

#[tokio::test]
async fn recordings_of_akkoma_load_and_come_back() -> Result<()> {
    round_trip(Flavour::Akkoma).await
}

#[tokio::test]
async fn recordings_of_pleroma22_load_and_come_back() -> Result<()> {
    round_trip(Flavour::Pleroma22).await
}
