//! Point 8: on a database of some size, no statement of a batch reads a whole table of the server,
//! nor nearly all of it by an index. The walk over an account's history needs no sort. A larger
//! batch sends no more statements.
//!
//! In a batch, the statement that locks the host's row in `counter_cache` is the last one before
//! the checkpoint.

mod releases;

use std::collections::BTreeMap;

use anyhow::{Result, bail, ensure};
use chrono::Utc;
use ostrakon_engine::Ended;
use ostrakon_jobs::{
    AnyJob, ConfirmAll, DeactivateInstance, DeleteActivities, DeleteUser, PruneActivities,
    PruneObjects, PurgeInstance, RepairCounters, UnconfirmAll,
    deactivate_instance::Host,
    prune_objects::{self, KeepFollowed},
    purge_instance::Keep,
};
use serde_json::Value;
use sqlx::{Connection as _, PgConnection};
use testkit::{Community, Database, Flavour};

use super::{
    explain::{Plans, nodes, reporting, rows_read, statement},
    stage::Stage,
};

/// Settings that avoid sequential scans wherever another plan is possible: the tables of this
/// community are small, those of a server are not. They also count the rows that are read.
const SETTINGS: &str = "set enable_seqscan = off;
    set auto_explain.log_analyze = on;
    set auto_explain.log_timing = off";

/// Statements that read a whole table, once in a run: there is no index on the host of a nickname,
/// nor on whether an account is local.
const ONCE: [&str; 8] = [
    // Actors without an account, when a claim of `purge_instance` begins.
    "with recursive found as (",
    "with named as materialized (",
    // The plan of `delete_user` reads whole tables too: for another admin, and for notifications.
    "as other_admin",
    "select count(*) from public.notifications n",
    // Plan and recount of `confirm_all` and `unconfirm_all`.
    "select count(*)\nfrom public.users u\nwhere u.id <= $1 and",
    "select id from public.users order by id desc limit 1",
    // Plan and recount of `prune_activities`.
    "with recursive orphaned as (",
    // The same of `prune_objects`.
    "doomed as materialized (",
];

/// Statements that read more than [`ROWS`] rows on purpose.
const WALKS: [&str; 6] = [
    // All local accounts once, and their posts and relations: nothing else tells their numbers.
    "Counters of active local accounts",
    // All accounts once, to find those that `confirm_all` and `unconfirm_all` change.
    "is true\norder by u.id\nlimit $3",
    // Inboxes of all followers, for what is to be delivered to them.
    "select distinct followers.inbox, followers.shared_inbox",
    // Entries of the documents that are federated, not rows of a table.
    "when 'whole' then args",
    // Active followers and followed accounts of an account, once in a run.
    "r.following_id = $1 and r.state = 2 and r.id <= $2 and u.",
    // Jobs that are due, up to a limit.
    "limit $2 + 1) as due",
];

/// Rows that a node of a statement's plan may read in a batch of 25: an account's followers are
/// counted, here up to 1,700. There are more than 3,600 accounts, and even more relations and
/// activities.
const ROWS: f64 = 2_500.0;

/// The jobs below, and the jobs for a single account, which take one batch or a few.
const LOOKED_AT: [&str; 11] = [
    "delete_activities",
    "deactivate_instance",
    "delete_user",
    "confirm_all",
    "unconfirm_all",
    "repair_counters",
    "prune_activities",
    "prune_objects",
    "purge_instance",
    "activate_user",
    "deactivate_user",
];

#[test]
fn somebody_looks_at_the_plans_of_every_job() {
    for name in AnyJob::NAMES {
        assert!(LOOKED_AT.contains(name), "nobody looks at the plans of {name}");
    }
}

#[tokio::test]
async fn delete_activities_is_planned_well() -> Result<()> {
    is_planned_well(delete_activities()).await
}

#[tokio::test]
async fn deactivate_instance_is_planned_well() -> Result<()> {
    let job = DeactivateInstance::new(Host::parse(Community::SPAM_HOST)?, false, None);
    is_planned_well(job.into()).await
}

#[tokio::test]
async fn delete_user_is_planned_well() -> Result<()> {
    is_planned_well(delete_user(false)).await
}

#[tokio::test]
async fn delete_user_is_planned_well_when_it_is_thorough_and_tells_of_each_post() -> Result<()> {
    is_planned_well(delete_user(true)).await
}

#[tokio::test]
async fn confirm_all_is_planned_well() -> Result<()> {
    is_planned_well(ConfirmAll::new(None).into()).await
}

#[tokio::test]
async fn unconfirm_all_is_planned_well() -> Result<()> {
    is_planned_well(UnconfirmAll::new(None).into()).await
}

#[tokio::test]
async fn repair_counters_is_planned_well() -> Result<()> {
    let subject = "all active local accounts".to_owned();
    is_planned_well(RepairCounters { subject, account: None, hosts: true }.into()).await
}

#[tokio::test]
async fn purge_instance_is_planned_well() -> Result<()> {
    // A host with posts.
    let host = Host::parse("town5.example")?;
    is_planned_well(PurgeInstance::new(host, false, Keep::default()).into()).await
}

#[tokio::test]
async fn prune_activities_is_planned_well() -> Result<()> {
    is_planned_well(PruneActivities::new(true, true, None).into()).await
}

/// Everything of other servers is old; threads go as a whole, or do not.
fn prune_objects(keep_threads: bool) -> AnyJob {
    let options = prune_objects::Options {
        keep_threads,
        keep_non_public: true,
        keep_followed: KeepFollowed::Posts,
        keep_pinned: true,
        prune_orphaned_activities: true,
        fix_replies_count: true,
        limit: None,
    };
    PruneObjects::new(Utc::now(), options).into()
}

#[tokio::test]
async fn prune_objects_is_planned_well() -> Result<()> {
    is_planned_well(prune_objects(false)).await
}

#[tokio::test]
async fn prune_objects_in_threads_is_planned_well() -> Result<()> {
    is_planned_well(prune_objects(true)).await
}

fn delete_activities() -> AnyJob {
    let nickname = Community::PROLIFIC.to_owned();
    DeleteActivities { nickname, actor: actor(), remote: false, via_server: false }.into()
}

fn actor() -> String {
    format!("{}/users/{}", Community::BASE, Community::PROLIFIC)
}

fn delete_user(everything: bool) -> AnyJob {
    let mut job = DeleteUser::new(Community::PROLIFIC.to_owned(), actor());
    job.thorough = everything;
    job.federate_posts = everything;
    job.into()
}

/// Reports the host's row in `counter_cache` among the plans when it is written: just before the
/// plan of the statement that writes it.
const REPORT_COUNTER: &str = r#"create function report() returns trigger language plpgsql as $$
    begin
        raise notice E'plan:\n{"Query Text": "counter_cache"}';
        return new;
    end $$;
    create trigger report before update on counter_cache for each row execute function report()"#;

#[tokio::test]
async fn delete_activities_locks_the_counter_last() -> Result<()> {
    let plans = plans_of(&delete_activities(), 25).await?;
    let texts: Vec<&str> = plans.iter().map(statement).collect();
    let mut batches = 0;
    for batch in texts.split(|text| text.contains("set_config('lock_timeout'")) {
        let Some(locked) = batch.iter().position(|text| *text == "counter_cache") else { continue };
        batches += 1;
        let since: Vec<&str> =
            batch[locked..].iter().copied().filter(|text| *text != "counter_cache").collect();
        let [removal, checkpoint] = since.as_slice() else { panic!("{since:#?}") };
        assert!(removal.contains("delete from public.activities a where a.id = any"), "{removal}");
        assert!(checkpoint.contains("update ostrakon.runs set cursor"), "{checkpoint}");
    }
    assert!(batches > 10, "{batches} batches");
    Ok(())
}

/// Does a job in small and in large batches, and checks the plans.
async fn is_planned_well(job: AnyJob) -> Result<()> {
    ensure!(job.is_heavy());
    let small = plans_of(&job, 25).await?;
    reads_no_table_whole(&small)?;
    reads_few_rows(&small)?;
    compiles_nothing(&small)?;
    if ["delete_activities", "delete_user"].contains(&job.name()) {
        sorts_no_history(&small)?;
    }
    let large = plans_of(&job, 100).await?;
    reads_no_table_whole(&large)?;
    needs_no_more_statements(&most_in_a_batch(&small), &most_in_a_batch(&large))
}

/// The community on which plans are looked at.
async fn community() -> Result<Database> {
    let database = Database::create(Flavour::Pleroma).await?;
    let community = Community {
        posts: 400,
        local_accounts: 300,
        other_accounts: 3_000,
        spam_accounts: 300,
        spam_follows: 3,
    };
    community.seed(&mut PgConnection::connect(database.url()).await?).await?;
    sqlx::raw_sql("update users set is_confirmed = false where local")
        .execute(&database.pool())
        .await?;
    Ok(database)
}

/// Does a job on a community in batches of `rows` rows; returns the plans of its statements.
async fn plans_of(job: &AnyJob, rows: i64) -> Result<Vec<Value>> {
    let database = community().await?;
    sqlx::raw_sql(REPORT_COUNTER).execute(&database.pool()).await?;
    let reporting = reporting(database.url(), SETTINGS).await?;
    let stage = Stage::on(database).await?.with_batches(reporting, rows);
    plans_on(&stage, job).await
}

async fn plans_on(stage: &Stage, job: &AnyJob) -> Result<Vec<Value>> {
    let id = stage.enqueue(job).await?;
    let (plans, collecting) = Plans::collect();
    let ended = stage.run(job, &id).await?;
    drop(collecting);
    ensure!(ended == Ended::Succeeded, "{ended:?}");
    let plans = plans.take();
    ensure!(plans.len() > 10, "only {} plans were reported", plans.len());
    Ok(plans)
}

/// No statement reads a whole table of the server.
fn reads_no_table_whole(plans: &[Value]) -> Result<()> {
    for plan in plans {
        let statement = statement(plan);
        // Our own tables hold a row or two; see `full_ledger` for more.
        if statement.contains("ostrakon.") || ONCE.iter().any(|once| statement.contains(once)) {
            continue;
        }
        let whole = nodes(plan).into_iter().find(|node| node["Node Type"] == "Seq Scan");
        if let Some(node) = whole {
            bail!("{} is read whole by {statement}", node["Relation Name"]);
        }
    }
    Ok(())
}

/// No statement reads more than its batch needs, whichever index it uses.
fn reads_few_rows(plans: &[Value]) -> Result<()> {
    for plan in plans {
        let statement = statement(plan);
        if ONCE.iter().chain(&WALKS).any(|known| statement.contains(known)) {
            continue;
        }
        let rows = rows_read(plan);
        ensure!(rows <= ROWS, "{rows} rows are read by {statement}\n{plan:#}");
    }
    Ok(())
}

/// No statement is compiled: executing it takes less time than compiling it.
fn compiles_nothing(plans: &[Value]) -> Result<()> {
    // Connections of the program compile nothing at all; what counts a whole table once would gain.
    let counts = |plan: &Value| ONCE.iter().any(|once| statement(plan).contains(once));
    let compiled = plans.iter().find(|plan| plan.get("JIT").is_some() && !counts(plan));
    compiled.map_or(Ok(()), |plan| bail!("compiled: {}\n{plan:#}", statement(plan)))
}

/// The walk over an account's history follows an index.
fn sorts_no_history(plans: &[Value]) -> Result<()> {
    let walks: Vec<&Value> =
        plans.iter().filter(|plan| statement(plan).contains("a.id nulls first")).collect();
    ensure!(walks.len() > 10, "{} walks", walks.len());
    for plan in walks {
        let kind = |node: &&Value| node["Node Type"].as_str().unwrap_or_default().to_owned();
        let sorts = nodes(plan).iter().map(kind).any(|kind| kind.contains("Sort"));
        ensure!(!sorts, "a history is sorted: {plan:#}");
    }
    Ok(())
}

/// How often each statement occurs in the batch where it occurs most often.
fn most_in_a_batch(plans: &[Value]) -> BTreeMap<&str, usize> {
    let mut most = BTreeMap::new();
    // Each turn of the loop begins by setting its time-outs.
    for batch in plans.split(|plan| statement(plan).contains("set_config('lock_timeout'")) {
        let mut here: BTreeMap<&str, usize> = BTreeMap::new();
        for plan in batch.iter().filter(|plan| statement(plan) != "counter_cache") {
            *here.entry(statement(plan)).or_default() += 1;
        }
        for (statement, times) in here {
            let most = most.entry(statement).or_default();
            *most = times.max(*most);
        }
    }
    most
}

/// No statement is sent more often in a larger batch.
fn needs_no_more_statements(
    small: &BTreeMap<&str, usize>,
    large: &BTreeMap<&str, usize>,
) -> Result<()> {
    ensure!(small.len() > 5, "{} statements", small.len());
    for (statement, times) in large {
        let before = small.get(statement).copied().unwrap_or(1);
        ensure!(
            *times <= before,
            "{times} times in a batch of 100 rows, {before} times in one of 25: {statement}"
        );
    }
    Ok(())
}
