//! Every job keeps the contract on the dialects of which no release was recorded.

use anyhow::{Context as _, Result};
use ostrakon_jobs::{ConfirmAll, UnconfirmAll};
use testkit::{Database, Release};

use super::{
    contract, contract_of_a_job_that_repeats, deactivate_instance, delete_activities, delete_user,
    repair_counters, set_confirmation_for_all, switch_user,
};

async fn database(name: &str) -> Result<Database> {
    let release = Release::ALL.iter().find(|release| release.name == name).context("no release")?;
    Database::of_release(release).await
}

async fn all_jobs_keep_it_on(name: &str) -> Result<()> {
    let database = async || database(name).await;
    contract(delete_activities::scenario(database().await?, false).await?).await?;
    contract(delete_user::scenario(database().await?, true, false).await?).await?;
    contract(delete_user::scenario(database().await?, false, false).await?).await?;
    contract(deactivate_instance::scenario(database().await?).await?).await?;
    switch_user::deactivation(database().await?).await?;
    switch_user::activation(database().await?).await?;
    contract(repair_counters::scenario(database().await?).await?).await?;
    let confirm = ConfirmAll::new(None).into();
    contract(set_confirmation_for_all::scenario(database().await?, confirm).await?).await?;
    let unconfirm = UnconfirmAll::new(None).into();
    let scenario = set_confirmation_for_all::scenario(database().await?, unconfirm).await?;
    contract_of_a_job_that_repeats(scenario).await
}

#[tokio::test]
async fn every_job_keeps_the_contract_on_pleroma_2_6() -> Result<()> {
    all_jobs_keep_it_on("pleroma-2.6").await
}

#[tokio::test]
async fn every_job_keeps_the_contract_on_pleroma_2_10() -> Result<()> {
    all_jobs_keep_it_on("pleroma-2.10").await
}

#[tokio::test]
async fn every_job_keeps_the_contract_on_akkoma_3_20() -> Result<()> {
    all_jobs_keep_it_on("akkoma-3.20").await
}
