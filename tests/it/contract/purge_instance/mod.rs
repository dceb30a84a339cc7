//! `PurgeInstance` keeps the contract, and leaves nothing of a host but what it says.

mod keep;
mod scan;
mod seed;

use anyhow::{Result, ensure};
use ostrakon_engine::Ended;
use ostrakon_jobs::{PurgeInstance, deactivate_instance::Host, purge_instance::Keep};
use testkit::{Database, Flavour, World};

use super::{Scenario, contract, stage::Stage};
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

/// Writes an object back as the server read it before its likes, boosts and reactions were removed.
const LATE: &str = "create table read as select id, data from objects where data ->> 'content' like 'mine for evil%';
    create function write_late() returns trigger language plpgsql as $$
    begin
        update objects o set data = read.data from read where o.id = read.id;
        delete from read;
        return null;
    end $$;
    create trigger write_late after delete on users for each statement execute function write_late()";

#[tokio::test]
async fn what_the_server_writes_late_is_taken_out_again() -> Result<()> {
    let Scenario { database, job, .. } =
        scenario(Database::create(Flavour::Pleroma).await?).await?;
    sqlx::raw_sql(LATE).execute(&database.pool()).await?;
    let stage = Stage::on(database).await?;
    let id = stage.enqueue(&job).await?;
    ensure!(stage.run(&job, &id).await? == Ended::Succeeded);
    let listed: Vec<String> = sqlx::query_scalar(
        "select data::text from objects
         where data ->> 'content' like 'mine for evil%'
           and (data -> 'likes')::text || (data -> 'announcements')::text || (data -> 'reactions')::text
               like '%evil.example%'",
    )
    .fetch_all(&stage.pool())
    .await?;
    ensure!(listed.is_empty(), "{listed:?}");
    let late: i64 =
        sqlx::query_scalar("select count(*) from read").fetch_one(&stage.pool()).await?;
    ensure!(late == 0, "nothing was written late");
    Ok(())
}
