//! `DeactivateInstance` keeps the contract, on every flavour.

use anyhow::{Result, ensure};
use kenoma_jobs::{DeactivateInstance, deactivate_instance::Host, engine::Ended};
use testkit::{Database, Flavour, World};

use super::{Scenario, contract, stage::Stage};

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

/// Writes down which transaction ended a relation to whom.
const LOST: &str = "create table lost (followed uuid, batch xid8);
    create function lose() returns trigger language plpgsql as $$
    begin
        insert into lost values (old.following_id, pg_current_xact_id());
        return null;
    end $$;
    create trigger lose after delete on following_relationships for each row execute function lose()";

/// Each that loses relations is counted anew in that batch, with all followers it has.
#[tokio::test]
async fn local_accounts_lose_their_relations_one_after_the_other() -> Result<()> {
    let Scenario { database, job, .. } = scenario(Flavour::Pleroma).await?;
    sqlx::raw_sql(LOST).execute(&database.pool()).await?;
    let stage = Stage::on(database).await?;
    let pool = stage.pool();
    let stage = stage.with_batches(pool.clone(), 4);
    let id = stage.enqueue(&job).await?;
    ensure!(stage.run(&job, &id).await? == Ended::Succeeded);
    let batches: Vec<(i64, i64)> = sqlx::query_as(
        "select count(*), count(distinct followed) from lost group by batch order by batch",
    )
    .fetch_all(&pool)
    .await?;
    // Twelve of one and six of the other.
    ensure!(batches.iter().map(|(relations, _)| relations).sum::<i64>() == 18, "{batches:?}");
    ensure!(batches.iter().filter(|(_, accounts)| *accounts > 1).count() <= 1, "{batches:?}");
    Ok(())
}
