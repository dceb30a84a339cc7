//! `ConfirmAll` and `UnconfirmAll` keep the contract, on every flavour.

use anyhow::Result;
use ostrakon_jobs::{AnyJob, ConfirmAll, UnconfirmAll};
use testkit::{Database, Flavour, World};

use super::{Scenario, contract, contract_of_a_job_that_repeats};

/// Sets a column of all accounts whose nickname begins with `whose`.
async fn set(database: &Database, what: &'static str, whose: &str) -> Result<()> {
    let statement = match (database.flavour(), what) {
        (Flavour::Pleroma22, "unconfirmed") => {
            "update users set confirmation_pending = true, confirmation_token = 'old'
             where nickname like $1"
        }
        (_, "unconfirmed") => {
            "update users set is_confirmed = false, confirmation_token = 'old'
             where nickname like $1"
        }
        (_, "forgotten token") => {
            "update users set confirmation_token = 'forgotten' where nickname like $1"
        }
        (_, "admin") => "update users set is_admin = true where nickname like $1",
        (_, "moderator") => "update users set is_moderator = true where nickname like $1",
        _ => "update users set invisible = true where nickname like $1",
    };
    sqlx::query(statement).bind(format!("{whose}%")).execute(&database.pool()).await?;
    Ok(())
}

/// A dozen accounts that the job changes, among others that it does not: staff, deactivated and
/// invisible accounts, the server's own, and those of other servers.
pub(super) async fn scenario(database: Database, job: AnyJob) -> Result<Scenario> {
    let world = World::new(&database);
    world.local("confirmed").await?;
    for number in 0..12 {
        world.local(&format!("meant{number}")).await?;
        world.remote(&format!("neighbour{number}"), "far.example").await?;
    }
    for name in ["neighbour_admin", "neighbour_moderator", "neighbour_invisible"] {
        world.local(name).await?;
    }
    world.local("internal.neighbour").await?;
    let left = world.local("neighbour_left").await?;
    world.local("forgotten").await?;
    for whose in ["meant", "neighbour", "internal"] {
        set(&database, "unconfirmed", whose).await?;
    }
    set(&database, "forgotten token", "forgotten").await?;
    set(&database, "admin", "neighbour_admin").await?;
    set(&database, "moderator", "neighbour_moderator").await?;
    set(&database, "invisible", "neighbour_invisible").await?;
    left.is_deactivated().await?;
    Ok(Scenario { database, job, bystander: "neighbour" })
}

#[tokio::test]
async fn confirm_all_keeps_the_contract() -> Result<()> {
    for flavour in Flavour::ALL {
        contract(scenario(Database::create(flavour).await?, ConfirmAll::new(None).into()).await?)
            .await?;
    }
    Ok(())
}

#[tokio::test]
async fn unconfirm_all_keeps_the_contract() -> Result<()> {
    for flavour in Flavour::ALL {
        let scenario =
            scenario(Database::create(flavour).await?, UnconfirmAll::new(None).into()).await?;
        contract_of_a_job_that_repeats(scenario).await?;
    }
    Ok(())
}
