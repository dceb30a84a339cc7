//! What a run reads grows with what it has to do, and no faster: no batch reads what all batches
//! together have to.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use kenoma_jobs::{
    AnyJob, DeactivateInstance, DeleteActivities, DeleteUser, UnconfirmAll,
    deactivate_instance::Host, engine::Ended,
};
use serde_json::Value;
use sqlx::{Connection as _, PgConnection};
use testkit::{Community, Database, Flavour};

use super::{
    explain::{Plans, nodes, pages, reporting, rows, statement},
    stage::Stage,
};

/// How much more an item may cost where there are [`TIMES`] as many.
const ALLOWANCE: f64 = 1.3;

const TIMES: i32 = 4;

/// Reads no more than `federation.max_waiting` says, however much there is.
const BOUNDED: &str = "limit $2 + 1) as due";

/// A batch is a small part even of the smaller run.
const ROWS: i64 = 25;

/// Everything of it is made so many times as large.
const SMALL: Community = Community {
    posts: 1_000,
    local_accounts: 300,
    other_accounts: 600,
    spam_accounts: 200,
    spam_follows: 3,
};

/// Rows and pages that are read for each item, and the statements that read most, with their rows.
async fn cost_of_an_item(job: &AnyJob, community: Community) -> Result<(f64, f64, Vec<String>)> {
    let database = Database::create(Flavour::Pleroma).await?;
    community.seed(&mut PgConnection::connect(database.url()).await?).await?;
    let settings = "set auto_explain.log_analyze = on; set auto_explain.log_timing = off;
                    set auto_explain.log_buffers = on; set max_parallel_workers_per_gather = 0";
    let reporting = reporting(database.url(), settings).await?;
    let stage = Stage::on(database).await?.with_batches(reporting, ROWS);
    let id = stage.enqueue(job).await?;
    let (plans, collecting) = Plans::collect();
    let ended = stage.run(job, &id).await?;
    drop(collecting);
    ensure!(ended == Ended::Succeeded, "{ended:?}");
    let done = f64::from(i32::try_from(stage.find(&id).await?.done)?);
    let mut plans = plans.take();
    plans.retain(|plan| !statement(plan).contains(BOUNDED));
    let read: f64 = plans.iter().flat_map(nodes).map(rows).sum();
    let read_pages: f64 = plans.iter().map(pages).sum();
    Ok((read / done, read_pages / done, most(&plans, done)))
}

/// The statements that read most rows for each item.
fn most(plans: &[Value], items: f64) -> Vec<String> {
    let mut by_statement: BTreeMap<&str, f64> = BTreeMap::new();
    for plan in plans {
        let read: f64 = nodes(plan).into_iter().map(rows).sum();
        *by_statement.entry(statement(plan)).or_default() += read;
    }
    let mut sorted: Vec<(&str, f64)> = by_statement.into_iter().collect();
    sorted.sort_by(|one, other| other.1.total_cmp(&one.1));
    let line = |(statement, rows): &(&str, f64)| {
        let words: Vec<&str> = statement.split_whitespace().collect();
        format!("{:.1} {:.160}", rows / items, words.join(" "))
    };
    sorted.iter().take(5).map(line).collect()
}

async fn grows_with_its_work(job: AnyJob) -> Result<()> {
    let large = Community {
        posts: SMALL.posts * TIMES,
        local_accounts: SMALL.local_accounts * TIMES,
        other_accounts: SMALL.other_accounts * TIMES,
        spam_accounts: SMALL.spam_accounts * TIMES,
        spam_follows: SMALL.spam_follows,
    };
    costs_an_item_no_more(&job, large).await
}

async fn costs_an_item_no_more(job: &AnyJob, large: Community) -> Result<()> {
    let few = cost_of_an_item(job, SMALL).await?;
    let many = cost_of_an_item(job, large).await?;
    let report = format!("for an item: {few:#?}, in the large community {many:#?}");
    ensure!(many.0 <= few.0 * ALLOWANCE, "{report}");
    ensure!(many.1 <= few.1 * ALLOWANCE, "{report}");
    Ok(())
}

fn prolific() -> (String, String) {
    let nickname = Community::PROLIFIC.to_owned();
    let actor = format!("{}/users/{nickname}", Community::BASE);
    (nickname, actor)
}

#[tokio::test]
async fn delete_activities_grows_with_its_work() -> Result<()> {
    let (nickname, actor) = prolific();
    grows_with_its_work(
        DeleteActivities { nickname, actor, remote: false, via_server: false }.into(),
    )
    .await
}

#[tokio::test]
async fn delete_user_grows_with_its_work() -> Result<()> {
    let (nickname, actor) = prolific();
    grows_with_its_work(DeleteUser::new(nickname, actor).into()).await
}

/// Among so many posts what each batch reads of the followers would hardly be seen.
#[tokio::test]
async fn delete_user_grows_with_its_followers() -> Result<()> {
    let (nickname, actor) = prolific();
    let followed =
        Community { local_accounts: 1_500, other_accounts: 3_000, spam_accounts: 10, ..SMALL };
    costs_an_item_no_more(&DeleteUser::new(nickname, actor).into(), followed).await
}

#[tokio::test]
async fn delete_user_of_everything_grows_with_its_work() -> Result<()> {
    let (nickname, actor) = prolific();
    let mut job = DeleteUser::new(nickname, actor);
    job.thorough = true;
    job.federate_posts = true;
    grows_with_its_work(job.into()).await
}

#[tokio::test]
async fn deactivate_instance_grows_with_its_work() -> Result<()> {
    let host = Host::parse(Community::SPAM_HOST)?;
    grows_with_its_work(DeactivateInstance::new(host, false, None).into()).await
}

#[tokio::test]
async fn unconfirm_all_grows_with_its_work() -> Result<()> {
    grows_with_its_work(UnconfirmAll::default().into()).await
}
