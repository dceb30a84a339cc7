//! After a large run its tables are looked after.

use anyhow::{Context as _, Result, ensure};
use testkit::Flavour;

use super::House;
use crate::program::{Done, Ostrakon};

/// Makes alice and so many others, nobody confirmed; and has PostgreSQL forget what it knows.
async fn unconfirmed(house: &House, others: i32) -> Result<()> {
    house.world.local("alice").await?;
    let pool = house.database.pool();
    sqlx::query(
        "insert into users (id, nickname, local, ap_id, bio, is_confirmed, is_active, inserted_at, updated_at)
         select ('00000001-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, 'u' || n, true,
                'https://peer.example/users/u' || n, '', false, true, now(), now()
         from generate_series(1, $1) n",
    )
    .bind(others)
    .execute(&pool)
    .await?;
    // As long as nobody else does.
    sqlx::raw_sql(
        "alter table users set (autovacuum_enabled = false);
         alter table oban_jobs set (autovacuum_enabled = false)",
    )
    .execute(&pool)
    .await?;
    Ok(())
}

async fn was_analyzed(house: &House) -> Result<bool> {
    let statement =
        "select last_analyze is not null from pg_stat_user_tables where relid = 'users'::regclass";
    Ok(sqlx::query_scalar(statement).fetch_one(&house.database.pool()).await?)
}

/// Confirms everybody, in few batches.
fn confirm_all(ostrakon: &Ostrakon) -> Result<Done> {
    let ostrakon = ostrakon
        .clone()
        .with("OSTRAKON_BATCH_ROWS_INITIAL", "4000")
        .with("OSTRAKON_BATCH_ROWS_MAX", "4000")
        .with("OSTRAKON_BATCH_ROWS_BUSY", "4000")
        .with("OSTRAKON_WORKER_PERCENT_BUSY", "100")
        .with("OSTRAKON_BATCH_TARGET", "5s");
    let done = ostrakon.run(&["user", "confirm_all", "--yes", "--inline"])?;
    ensure!(done.code == 0, "{done:?}");
    Ok(done)
}

/// What `runs show` tells of the one run.
async fn story(house: &House) -> Result<String> {
    let id: String = sqlx::query_scalar("select id from ostrakon.runs")
        .fetch_one(&house.database.pool())
        .await?;
    let shown = house.run(&format!("runs show {id}"))?.stdout;
    Ok(shown.split_once("Story:\n").context("no story")?.1.to_owned())
}

#[tokio::test]
async fn the_owner_of_the_tables_has_them_analyzed() -> Result<()> {
    let house = House::new(Flavour::Pleroma).await?;
    unconfirmed(&house, 10_000).await?;
    // Somebody who could still see the old rows keeps them: else pages that are read again are
    // tidied up.
    let mut dump =
        house.database.pool().begin_with("begin isolation level repeatable read").await?;
    sqlx::query("select from users limit 1").execute(&mut *dump).await?;
    let done = confirm_all(&Ostrakon::on(&house.database))?;
    dump.rollback().await?;
    ensure!(was_analyzed(&house).await?);
    let told = done.stderr.lines().find(|line| line.starts_with("public.users: "));
    let told = told.with_context(|| format!("{done:?}"))?;
    let dead =
        told.strip_prefix("public.users: analyzed; ").and_then(|told| told.split_once(" dead"));
    let dead: i64 = dead.with_context(|| told.to_owned())?.0.replace(',', "").parse()?;
    // Each row was written once; what PostgreSQL's other process writes into its figures after the
    // ANALYZE, it counts twice.
    ensure!((10_000..=20_000).contains(&dead), "{told}");
    ensure!(told.contains(" MiB, which new rows can use again"), "{told}");
    ensure!(!done.stderr.contains("VACUUM FULL"), "{done:?}");
    let story = story(&house).await?;
    let (head, tables) = story.split_once(" after_care by ").context(story.clone())?;
    ensure!(head.contains(" succeeded by "), "{story}");
    ensure!(tables.contains(&format!("\n    {told}\n")), "{story}");
    ensure!(tables.contains("\n    public.oban_jobs: analyzed; 0 dead rows"), "{story}");
    Ok(())
}

#[tokio::test]
async fn a_role_that_may_not_analyze_says_so() -> Result<()> {
    let house = House::new(Flavour::Pleroma).await?;
    unconfirmed(&house, 10_000).await?;
    let done = confirm_all(&house.ostrakon)?;
    let told = "public.users: not analyzed, as the role ostrakon_least may not ANALYZE it; autovacuum \
                will; ";
    ensure!(done.stderr.contains(told), "{done:?}");
    ensure!(!done.stderr.contains("were not looked after"), "{done:?}");
    ensure!(!was_analyzed(&house).await?);
    ensure!(story(&house).await?.contains(told));
    Ok(())
}

#[tokio::test]
async fn a_table_in_use_is_left_to_autovacuum_and_the_run_is_done() -> Result<()> {
    let house = House::new(Flavour::Pleroma).await?;
    unconfirmed(&house, 10_000).await?;
    let mut vacuum = house.database.pool().begin().await?;
    // What a VACUUM holds: writes are let through.
    sqlx::raw_sql("lock table users in share update exclusive mode").execute(&mut *vacuum).await?;
    let done = confirm_all(&Ostrakon::on(&house.database))?;
    ensure!(done.stderr.contains("public.users: not analyzed, as it was in use; "), "{done:?}");
    ensure!(done.stderr.contains("public.oban_jobs: analyzed; "), "{done:?}");
    vacuum.rollback().await?;
    Ok(())
}

#[tokio::test]
async fn a_small_run_needs_no_care() -> Result<()> {
    let house = House::new(Flavour::Pleroma).await?;
    unconfirmed(&house, 9_998).await?;
    let done = confirm_all(&Ostrakon::on(&house.database))?;
    ensure!(!done.stderr.lines().any(|line| line.starts_with("public.")), "{done:?}");
    ensure!(!was_analyzed(&house).await?);
    ensure!(!story(&house).await?.contains("after_care"));
    Ok(())
}
