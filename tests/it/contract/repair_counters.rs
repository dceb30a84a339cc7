//! `RepairCounters` keeps the contract, on every server.

use anyhow::Result;
use ostrakon_jobs::RepairCounters;
use testkit::{Database, Flavour, World};

use super::{Scenario, contract};

/// Local accounts with posts and relations, of which a dozen have wrong counters; accounts of other
/// servers, whose counters are not ours; a dozen hosts with wrong numbers.
pub(super) async fn scenario(database: Database) -> Result<Scenario> {
    let world = World::new(&database);
    let star = world.local("star").await?;
    for number in 0..12 {
        let account = world.local(&format!("wrong{number}")).await?;
        account.posts("public").public().create().await?;
        account.posts("for followers").followers_only().create().await?;
        account.follows(&star).await?;
        let neighbour =
            world.remote(&format!("neighbour{number}"), &format!("far{number}.example")).await?;
        neighbour.posts("far away").public().create().await?;
        neighbour.follows(&account).await?;
    }
    sqlx::query(
        "update users set note_count = note_count + 7, follower_count = 99, following_count = 0
         where nickname like 'wrong%' or nickname like 'neighbour%'",
    )
    .execute(&database.pool())
    .await?;
    let by_host: bool = sqlx::query_scalar("select to_regclass('counter_cache') is not null")
        .fetch_one(&database.pool())
        .await?;
    if by_host {
        sqlx::query("update counter_cache set public = public + 3, direct = 1")
            .execute(&database.pool())
            .await?;
    }
    let job = RepairCounters {
        subject: "all active local accounts".to_owned(),
        account: None,
        hosts: true,
    };
    Ok(Scenario { database, job: job.into(), bystander: "neighbour" })
}

#[tokio::test]
async fn repair_counters_keeps_the_contract() -> Result<()> {
    for flavour in Flavour::ALL {
        contract(scenario(Database::create(flavour).await?).await?).await?;
    }
    Ok(())
}
