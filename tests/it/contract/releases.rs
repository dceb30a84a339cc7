//! Every job keeps the contract on the dialects of which no release was recorded.

use anyhow::Result;
use ostrakon_jobs::{ConfirmAll, UnconfirmAll};
use testkit::{Database, Release};

use super::{
    contract, contract_of_a_job_that_repeats, deactivate_instance, delete_activities, delete_user,
    prune_activities, prune_objects, repair_counters, set_confirmation_for_all, switch_user,
};

async fn database(name: &str) -> Result<Database> {
    Database::of_release(Release::named(name)?).await
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
    contract(prune_activities::scenario(database().await?).await?).await?;
    contract(prune_objects::scenario(database().await?, false).await?).await?;
    let confirm = ConfirmAll::new(None).into();
    contract(set_confirmation_for_all::scenario(database().await?, confirm).await?).await?;
    let unconfirm = UnconfirmAll::new(None).into();
    let scenario = set_confirmation_for_all::scenario(database().await?, unconfirm).await?;
    contract_of_a_job_that_repeats(scenario).await
}

/// Defines a test for each dialect of which no release was recorded.
macro_rules! every_job_keeps_it_on {
    ($($test:ident: $release:literal,)+) => {
        $(#[tokio::test]
        async fn $test() -> Result<()> {
            all_jobs_keep_it_on($release).await
        })+
    };
}

every_job_keeps_it_on! {
    pleroma_2_4: "pleroma-2.4",
    pleroma_2_5: "pleroma-2.5",
    pleroma_2_6: "pleroma-2.6",
    pleroma_2_10: "pleroma-2.10",
    pleroma_develop: "pleroma-develop",
    rebased: "rebased-2.6.50",
    akkoma_3_10: "akkoma-3.10",
    akkoma_3_15: "akkoma-3.15",
    akkoma_3_20: "akkoma-3.20",
}

/// Every dialect is tested: here, or with the recorded release.
#[test]
fn every_dialect_is_tested() {
    const HERE: [&str; 9] = [
        "pleroma-2.4",
        "pleroma-2.5",
        "pleroma-2.6",
        "pleroma-2.10",
        "pleroma-develop",
        "rebased-2.6",
        "akkoma-3.10",
        "akkoma-3.15",
        "akkoma-3.20",
    ];
    const RECORDED: [&str; 3] = ["pleroma-2.2", "pleroma-2.7", "akkoma-3.16"];
    for dialect in ostrakon_server::DIALECTS {
        let name = dialect.name;
        assert!(HERE.contains(&name) || RECORDED.contains(&name), "{name} is not tested");
    }
}
