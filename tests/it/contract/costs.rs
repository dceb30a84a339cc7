//! What the deactivation of a host reads depends on that host, and not on how many other accounts
//! there are.

use anyhow::{Result, ensure};
use ostrakon_engine::Ended;
use ostrakon_jobs::{AnyJob, DeactivateInstance, deactivate_instance::Host};
use serde_json::Value;
use sqlx::{Connection as _, PgConnection};
use testkit::{Database, Flavour};

use super::{
    explain::{Plans, nodes, pages, reporting, rows, statement},
    stage::Stage,
};

/// Passes over the nicknames of all accounts: there is no index on the host.
const PASSES: &str = "with named as materialized (";

/// Factor by which a cost may grow. Less is noise, such as one more page of an index.
const ALLOWANCE: f64 = 1.2;

/// Accounts: 300 of the host, local ones, and remote ones of other hosts. Each account of the host
/// has relations in both directions to the first 300 local accounts. One account of the host is
/// followed by more of these than a batch takes. The full-text index, which the job does not use,
/// is dropped so that seeding is quick.
const SEED: &str = "
    set session_replication_role = replica;
    drop index users_fts_index;
    create function seeded(n int) returns uuid language sql immutable
        return ('00000180-0000-0000-0000-' || lpad(to_hex((n::bigint * 2654435761) & 4294967295), 12, '0'))::uuid;
    create function seed(locals int, others int) returns void language sql begin atomic
        insert into users (id, ap_id, nickname, bio, local, is_active, is_confirmed, inserted_at, updated_at)
        select seeded(n), 'https://' || host || '/users/' || n,
               case when host = 'peer.example' then 'u' || n else 'u' || n || '@' || host end,
               '', host = 'peer.example', true, true, now(), now()
        from generate_series(1, locals + others + 300) n,
             lateral (select case when n <= 300 then 'spam.example' when n <= 300 + locals then 'peer.example'
                                  else 'town' || n % 100 || '.example' end as host) h;
        insert into following_relationships (follower_id, following_id, state, inserted_at, updated_at)
        select seeded(a), seeded(b), 2, now(), now()
        from (select n as a, 301 + (n * 7 + k * 11) % 300 as b from generate_series(1, 300) n, generate_series(1, 3) k
              union select 301 + (n * 7 + k * 13) % 300, n from generate_series(1, 300) n, generate_series(1, 2) k
              union select 300 + n, 1 from generate_series(1, 300) n
              -- Locals among each other.
              union select 300 + n, 301 + n % locals from generate_series(1, locals) n where n % locals <> n - 1) r;
    end;";

/// Cost of a run: batches, statements, rows, and pages of the database.
#[derive(Debug, Clone, Copy)]
struct Cost {
    batches: usize,
    statements: usize,
    rows: f64,
    pages: f64,
}

async fn cost_among(locals: i32, others: i32) -> Result<Cost> {
    let database = Database::create(Flavour::Pleroma).await?;
    let mut db = PgConnection::connect(database.url()).await?;
    sqlx::raw_sql(SEED).execute(&mut db).await?;
    sqlx::query("select seed($1, $2)").bind(locals).bind(others).execute(&mut db).await?;
    sqlx::raw_sql(
        "update users a set
             follower_count = (select count(*) from following_relationships where following_id = a.id),
             following_count = (select count(*) from following_relationships where follower_id = a.id)
         where local",
    )
    .execute(&mut db)
    .await?;
    // An analyze that begins by itself keeps deleted rows from being skipped meanwhile.
    sqlx::raw_sql(
        "alter table users set (autovacuum_enabled = off);
         alter table following_relationships set (autovacuum_enabled = off);
         alter table oban_jobs set (autovacuum_enabled = off)",
    )
    .execute(&mut db)
    .await?;
    sqlx::raw_sql("vacuum analyze").execute(&mut db).await?;
    let settings = "set auto_explain.log_analyze = on; set auto_explain.log_timing = off;
                    set auto_explain.log_buffers = on; set max_parallel_workers_per_gather = 0";
    let reporting = reporting(database.url(), settings).await?;
    let stage = Stage::on(database).await?.with_batches(reporting, 50);
    let job: AnyJob = DeactivateInstance::new(Host::parse("spam.example")?, false, None).into();
    let id = stage.enqueue(&job).await?;
    let (plans, collecting) = Plans::collect();
    let ended = stage.run(&job, &id).await?;
    drop(collecting);
    ensure!(ended == Ended::Succeeded, "{ended:?}");
    let run = stage.find(&id).await?;
    ensure!(Some(run.done) == run.total, "{} of {:?}", run.done, run.total);
    let wrong = super::beside_server::wrong_counters(&stage.pool(), "u.is_active").await?;
    ensure!(wrong.is_empty(), "counters of {wrong:?} are wrong");
    Ok(cost(&plans.take()))
}

fn cost(plans: &[Value]) -> Cost {
    let (passes, others): (Vec<&Value>, Vec<&Value>) =
        plans.iter().partition(|plan| statement(plan).contains(PASSES));
    // One for the plan, one for the recount.
    assert_eq!(passes.len(), 2, "passes over all nicknames");
    let begins = |plan: &&&Value| statement(plan).contains("set_config('lock_timeout'");
    Cost {
        batches: others.iter().filter(begins).count(),
        statements: others.len(),
        rows: others.iter().copied().flat_map(nodes).map(rows).sum(),
        pages: others.iter().copied().map(pages).sum(),
    }
}

#[tokio::test]
async fn a_host_costs_as_much_among_many_as_among_few() -> Result<()> {
    let few = cost_among(500, 500).await?;
    let many = cost_among(20_000, 5_000).await?;
    ensure!(few.batches < 60, "{few:?}");
    ensure!(many.batches == few.batches, "among few {few:?}, among many {many:?}");
    ensure!(many.statements == few.statements, "among few {few:?}, among many {many:?}");
    ensure!(many.rows <= few.rows * ALLOWANCE, "among few {few:?}, among many {many:?}");
    ensure!(many.pages <= few.pages * ALLOWANCE, "among few {few:?}, among many {many:?}");
    Ok(())
}

#[tokio::test]
async fn a_host_without_relations_takes_a_handful_of_batches() -> Result<()> {
    let database = Database::create(Flavour::Akkoma).await?;
    let world = testkit::World::new(&database);
    for number in 0..3 {
        world.remote(&format!("s{number}"), "spam.example").await?;
        world.local(&format!("l{number}")).await?;
    }
    let reporting = reporting(database.url(), "").await?;
    let stage = Stage::on(database).await?.with_batches(reporting, 20);
    let job: AnyJob = DeactivateInstance::new(Host::parse("spam.example")?, false, None).into();
    let id = stage.enqueue(&job).await?;
    let (plans, collecting) = Plans::collect();
    ensure!(stage.run(&job, &id).await? == Ended::Succeeded);
    drop(collecting);
    // Two for the plan, one for the accounts, one for what follows them.
    let batches = cost(&plans.take()).batches;
    ensure!(batches <= 4, "{batches} batches");
    Ok(())
}
