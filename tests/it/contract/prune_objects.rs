//! `PruneObjects` keeps the contract, on every server.

use anyhow::{Result, ensure};
use chrono::{Days, Utc};
use ostrakon_engine::{Ended, ledger};
use ostrakon_jobs::{
    PruneObjects,
    prune_objects::{KeepFollowed, Options},
};
use testkit::{Database, Flavour, World, put_together, snapshot};

use super::{Scenario, contract, stage::Stage};

/// What is not old.
const NEIGHBOURS: &str =
    "update objects set updated_at = now() where data ->> 'actor' like '%neighbour%';
    update activities set updated_at = now() where actor like '%neighbour%'";

/// Deliveries of what is deleted, whose foreign key does not cascade.
const DELIVERIES: &str = "insert into deliveries (object_id, user_id)
    select o.id, u.id from objects o, users u
    where o.data ->> 'actor' like '%/far1' and u.nickname = 'far2@far.example'";

/// Accounts with old posts in threads of their own: with hashtags, likes, boosts and
/// bookmarks; wrong numbers of replies. Among others whose posts are new, or of this server.
pub(super) async fn scenario(database: Database, threads: bool) -> Result<Scenario> {
    let world = World::new(&database);
    let alice = world.local("neighbour_alice").await?;
    let own = alice.posts("own").public().tagged("neighbour").create().await?;
    let asked = world.remote("asked", "far.example").await?;
    let question = asked.posts("a question").public().create().await?;
    let reader = world.local("reader").await?;
    for number in 0..4 {
        let far = world.remote(&format!("far{number}"), "far.example").await?;
        let tag = format!("tag{number}");
        let post = far.posts("old").public().tagged(&tag).tagged("shared").create().await?;
        let reply = far.posts("old as well").unlisted().replying_to(&post).create().await?;
        far.posts("to followers").followers_only().create().await?;
        far.posts("in a thread").public().replying_to(&question).create().await?;
        far.likes(&reply).await?;
        far.boosts(&post).await?;
        if number % 3 == 0 {
            reader.bookmarks(&post).await?;
            reader.likes(&reply).await?;
        }
        let neighbour = world.remote(&format!("neighbour{number}"), "neighbour.example").await?;
        let new = neighbour.posts("new").public().tagged("neighbour").create().await?;
        alice.bookmarks(&new).await?;
        neighbour.likes(&own).await?;
        neighbour.boosts(&new).await?;
    }
    sqlx::raw_sql(NEIGHBOURS).execute(&database.pool()).await?;
    sqlx::raw_sql(DELIVERIES).execute(&database.pool()).await?;
    // It stays, with new replies; its number of replies is wrong.
    sqlx::query(
        "update objects set updated_at = now(), data = data || '{\"repliesCount\": 40}' where id = $1",
    )
    .bind(question.object_row)
    .execute(&database.pool())
    .await?;
    sqlx::query(
        "update objects set updated_at = now() where data ->> 'inReplyTo' = $1 and id % 2 = 0",
    )
    .bind(&question.object)
    .execute(&database.pool())
    .await?;
    let before = Utc::now().checked_sub_days(Days::new(90)).unwrap_or_default();
    let job = PruneObjects::new(
        before,
        Options {
            keep_threads: threads,
            keep_non_public: false,
            keep_followed: if threads { KeepFollowed::Full } else { KeepFollowed::Posts },
            keep_pinned: database.flavour() == Flavour::Akkoma,
            prune_orphaned_activities: true,
            fix_replies_count: true,
            limit: None,
        },
    );
    Ok(Scenario { database, job: job.into(), bystander: "neighbour" })
}

#[tokio::test]
async fn prune_objects_keeps_the_contract() -> Result<()> {
    for flavour in Flavour::ALL {
        contract(scenario(Database::create(flavour).await?, false).await?).await?;
    }
    Ok(())
}

#[tokio::test]
async fn prune_objects_in_threads_keeps_the_contract() -> Result<()> {
    for flavour in [Flavour::Pleroma, Flavour::Akkoma] {
        contract(scenario(Database::create(flavour).await?, true).await?).await?;
    }
    Ok(())
}

/// What each step writes and no other one does.
const STEPS: [&str; 5] = [
    "delete on objects",
    "delete on bookmarks",
    "delete on activities",
    "delete on hashtags",
    "update on objects",
];

/// Makes each batch of a step ask for the run to be stopped: what an operator may do at any time.
async fn ask_after(stage: &Stage, step: &str, control: &str) -> Result<()> {
    let statement = format!(
        "create function ask() returns trigger language plpgsql as $$
         begin
             update ostrakon.runs set control = '{control}' where status = 'running';
             return null;
         end $$;
         create trigger ask after {step} for each row execute function ask()"
    );
    sqlx::raw_sql(put_together(statement)).execute(&stage.pool()).await?;
    Ok(())
}

#[tokio::test]
async fn paused_or_cancelled_in_any_step_it_ends_alike() -> Result<()> {
    let Scenario { database, job, .. } =
        scenario(Database::create(Flavour::Pleroma).await?, false).await?;
    let before = snapshot(&database.pool()).await?;
    let whole = Stage::set(&before, &database).await?;
    let id = whole.enqueue(&job).await?;
    ensure!(whole.run(&job, &id).await? == Ended::Succeeded);
    let expected = snapshot(&whole.pool()).await?;
    let set = async || -> Result<Stage> {
        let stage = Stage::set(&before, &database).await?;
        let pool = stage.pool();
        Ok(stage.with_batches(pool, 10))
    };
    for step in STEPS {
        let paused = set().await?;
        ask_after(&paused, step, "pause").await?;
        let id = paused.enqueue(&job).await?;
        ensure!(paused.run(&job, &id).await? == Ended::Paused, "{step}");
        sqlx::raw_sql("drop function ask cascade").execute(&paused.pool()).await?;
        ledger::resume(&mut *paused.pool().acquire().await?, &id, "test").await?;
        ensure!(paused.run(&job, &id).await? == Ended::Succeeded, "{step}");
        ensure!(snapshot(&paused.pool()).await? == expected, "{step}: paused, the rows differ");
        let run = paused.find(&id).await?;
        ensure!(Some(run.done) == run.total, "{step}: {} of {:?}", run.done, run.total);

        let cancelled = set().await?;
        ask_after(&cancelled, step, "cancel").await?;
        let id = cancelled.enqueue(&job).await?;
        ensure!(cancelled.run(&job, &id).await? == Ended::Cancelled, "{step}");
        sqlx::raw_sql("drop function ask cascade").execute(&cancelled.pool()).await?;
        let again = cancelled.enqueue(&job).await?;
        ensure!(cancelled.run(&job, &again).await? == Ended::Succeeded, "{step}");
        ensure!(
            snapshot(&cancelled.pool()).await? == expected,
            "{step}: cancelled, the rows differ"
        );
    }
    Ok(())
}

/// Somebody likes the newest old object when the oldest is deleted.
const LIKED_MEANWHILE: &str = "create function liked() returns trigger language plpgsql as $$
    begin
        update objects set updated_at = now()
        where id = (select max(id) from objects where data ->> 'content' = 'in a thread' and updated_at < '2026-01-01');
        return null;
    end $$;
    create trigger liked after delete on objects for each row
    when (old.data ->> 'content' like 'old <a%' and old.data ->> 'actor' like '%/far0') execute function liked()";

#[tokio::test]
async fn what_changes_meanwhile_stays() -> Result<()> {
    let Scenario { database, job, .. } =
        scenario(Database::create(Flavour::Pleroma).await?, false).await?;
    let newest: i64 = sqlx::query_scalar(
        "select max(id) from objects where data ->> 'content' = 'in a thread' and updated_at < '2026-01-01'",
    )
    .fetch_one(&database.pool())
    .await?;
    sqlx::raw_sql(LIKED_MEANWHILE).execute(&database.pool()).await?;
    let stage = Stage::on(database).await?;
    let id = stage.enqueue(&job).await?;
    ensure!(stage.run(&job, &id).await? == Ended::Succeeded);
    let old: Vec<i64> = sqlx::query_scalar(
        "select id from objects where updated_at < '2026-01-01' and data ->> 'actor' like '%far.example%'
         union all select id from objects where id = $1",
    )
    .bind(newest)
    .fetch_all(&stage.pool())
    .await?;
    ensure!(old == [newest], "{old:?} instead of {newest}");
    Ok(())
}
