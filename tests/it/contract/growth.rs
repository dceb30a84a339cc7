//! What a run reads grows in proportion to its work, and no faster: a batch does not read what
//! belongs to all batches together.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use ostrakon_engine::Ended;
use ostrakon_jobs::{
    AnyJob, DeactivateInstance, DeleteActivities, DeleteUser, UnconfirmAll,
    deactivate_instance::Host,
};
use testkit::{Community, Database, Flavour};

use super::{
    explain::{Plans, nodes, pages, reporting, rows, statement},
    stage::Stage,
};

/// Factor by which the rows for an item may grow when there are [`TIMES`] as many items.
const ALLOWANCE: f64 = 1.3;

/// The same for pages: their number also depends on when old row versions could be removed.
const ALLOWANCE_OF_PAGES: f64 = 1.6;

const TIMES: i32 = 4;

/// Additional rows for an item that are noise in a single statement: a run rechecks once a second
/// what it wrote, and a run that takes less than a second does not.
const NEGLIGIBLE: f64 = 2.0;

/// Reads no more than `federation.max_waiting` allows, however much there is.
const BOUNDED: &str = "limit $2 + 1) as due";

/// A batch is a small part even of the smaller run.
const ROWS: i64 = 25;

/// The smaller community. The larger one has [`TIMES`] as much of everything but `spam_follows`.
const SMALL: Community = Community {
    posts: 1_000,
    local_accounts: 300,
    other_accounts: 600,
    spam_accounts: 200,
    spam_follows: 3,
};

/// Settings that make two runs comparable. Otherwise a plan could change for two more reasons:
/// autovacuum gathers statistics during one of the runs ([`WITHOUT_AUTOVACUUM`]), or a table is so
/// small that reading all of it is quickest. What remains is the cost for a table of real size.
const SETTINGS: &str = "
    set auto_explain.log_analyze = on; set auto_explain.log_timing = off;
    set auto_explain.log_buffers = on; set max_parallel_workers_per_gather = 0;
    set enable_seqscan = off";

const WITHOUT_AUTOVACUUM: &str = "do $$
    declare name text;
    begin
        for name in select oid::regclass::text from pg_class
                    where relkind = 'r' and relnamespace in ('public'::regnamespace, 'ostrakon'::regnamespace)
        loop
            execute format('alter table %s set (autovacuum_enabled = false)', name);
        end loop;
    end $$";

/// What a run has read for each of its items.
struct Costs {
    /// Rows and pages, by statement.
    statements: BTreeMap<String, (f64, f64)>,
    /// Share of each kind in the items.
    shares: Vec<f64>,
}

impl Costs {
    fn total(&self) -> (f64, f64) {
        self.statements.values().fold((0.0, 0.0), |sum, cost| (sum.0 + cost.0, sum.1 + cost.1))
    }
}

async fn costs_of_an_item(job: &AnyJob, community: Community, more: &'static str) -> Result<Costs> {
    let database = Database::create(Flavour::Pleroma).await?;
    let reporting = reporting(database.url(), SETTINGS).await?;
    let stage = Stage::on(database).await?.with_batches(reporting, ROWS);
    let mut db = stage.pool().acquire().await?;
    sqlx::raw_sql(WITHOUT_AUTOVACUUM).execute(&mut *db).await?;
    community.seed(&mut db).await?;
    sqlx::raw_sql(more).execute(&mut *db).await?;
    drop(db);
    let plan = stage.plan(job).await?;
    let shares = plan.counts.iter().map(|count| precise(count.items) / precise(plan.total));
    let shares = shares.collect();
    let id = stage.enqueue(job).await?;
    let (plans, collecting) = Plans::collect();
    let ended = stage.run(job, &id).await?;
    drop(collecting);
    ensure!(ended == Ended::Succeeded, "{ended:?}");
    let done = precise(stage.find(&id).await?.done);
    let mut statements: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for plan in plans.take() {
        let words: Vec<&str> = statement(&plan).split_whitespace().collect();
        let cost = statements.entry(words.join(" ")).or_default();
        // Rows of a bitmap are read once: they are counted at its index scan.
        let read = nodes(&plan).into_iter().filter(|node| node["Node Type"] != "Bitmap Heap Scan");
        cost.0 += read.map(rows).sum::<f64>() / done;
        cost.1 += pages(&plan) / done;
    }
    statements.retain(|statement, _| !statement.contains(BOUNDED));
    Ok(Costs { statements, shares })
}

#[expect(clippy::cast_precision_loss, reason = "a few thousand")]
const fn precise(items: i64) -> f64 {
    items as f64
}

async fn grows_with_its_work(job: AnyJob) -> Result<()> {
    let large = Community {
        posts: SMALL.posts * TIMES,
        local_accounts: SMALL.local_accounts * TIMES,
        other_accounts: SMALL.other_accounts * TIMES,
        spam_accounts: SMALL.spam_accounts * TIMES,
        spam_follows: SMALL.spam_follows,
    };
    costs_an_item_no_more(&job, large, "").await
}

async fn costs_an_item_no_more(job: &AnyJob, large: Community, more: &'static str) -> Result<()> {
    let few = costs_of_an_item(job, SMALL, "").await?;
    let many = costs_of_an_item(job, large, more).await?;
    // A statement about one kind of item reads more for each item of any kind if that kind has a
    // larger share.
    let shares = many.shares.iter().zip(&few.shares).map(|(many, few)| many / few);
    let larger_part = shares.filter(|larger| larger.is_finite()).fold(1.0, f64::max);
    let mut grown = Vec::new();
    let (before, total) = (few.total(), many.total());
    if total.0 > before.0 * ALLOWANCE || total.1 > before.1 * ALLOWANCE_OF_PAGES {
        grown.push(format!("altogether: {before:.1?}, then {total:.1?}"));
    }
    for (statement, cost) in &many.statements {
        let before = few.statements.get(statement).copied().unwrap_or_default();
        if cost.0 > before.0 * ALLOWANCE * larger_part + NEGLIGIBLE {
            grown.push(format!("{before:.1?}, then {cost:.1?}: {statement}"));
        }
    }
    ensure!(grown.is_empty(), "rows and pages for an item have grown:\n{}", grown.join("\n"));
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

/// With more posts than these, what each batch reads of the followers would hardly show.
#[tokio::test]
async fn delete_user_grows_with_its_followers() -> Result<()> {
    let (nickname, actor) = prolific();
    let followed =
        Community { local_accounts: 1_500, other_accounts: 3_000, spam_accounts: 10, ..SMALL };
    costs_an_item_no_more(&DeleteUser::new(nickname, actor).into(), followed, "").await
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
    grows_with_its_work(UnconfirmAll::new(None).into()).await
}

/// Activities of one account, before the first and after the last activity of all others.
const BEFORE_AND_AFTER: &str = "
    set session_replication_role = replica;
    insert into activities (id, data, actor, recipients, local, inserted_at, updated_at)
    select (side || lpad(to_hex(n), 12, '0'))::uuid,
           jsonb_build_object('id', 'https://peer.example/' || side || n, 'type', 'Create'),
           'https://peer.example/users/diligent', '{}', true, now(), now()
    from unnest(array['00000001-0000-0000-0000-', 'ffffffff-0000-0000-0000-']) as given (side),
         generate_series(1, 10000) n;
    set session_replication_role = origin;
    analyze activities";

/// PostgreSQL knows how many activities an account has, but not from when until when it was active.
#[tokio::test]
async fn what_others_did_before_and_after_an_account_was_about_is_not_read() -> Result<()> {
    let (nickname, actor) = prolific();
    let delete = DeleteActivities {
        nickname: nickname.clone(),
        actor: actor.clone(),
        remote: false,
        via_server: false,
    };
    costs_an_item_no_more(&delete.into(), SMALL, BEFORE_AND_AFTER).await?;
    let remove = DeleteUser::new(nickname, actor);
    costs_an_item_no_more(&remove.into(), SMALL, BEFORE_AND_AFTER).await
}
