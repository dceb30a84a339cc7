//! Maintenance of tables after a large run.

use anyhow::{Context as _, Result, ensure};
use testkit::{Done, Flavour, Ostrakon};

use super::Fixture;

/// Creates alice and `others` more accounts, all unconfirmed, and turns autovacuum off for the
/// tables that the job writes.
async fn unconfirmed(fixture: &Fixture, others: i32) -> Result<()> {
    fixture.world.local("alice").await?;
    let pool = fixture.database.pool();
    sqlx::query(
        "insert into users (id, nickname, local, ap_id, bio, is_confirmed, is_active, inserted_at, updated_at)
         select ('00000001-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, 'u' || n, true,
                'https://peer.example/users/u' || n, '', false, true, now(), now()
         from generate_series(1, $1) n",
    )
    .bind(others)
    .execute(&pool)
    .await?;
    // Otherwise autovacuum might analyze them first.
    sqlx::raw_sql(
        "alter table users set (autovacuum_enabled = false);
         alter table oban_jobs set (autovacuum_enabled = false)",
    )
    .execute(&pool)
    .await?;
    Ok(())
}

async fn was_analyzed(fixture: &Fixture) -> Result<bool> {
    let statement =
        "select last_analyze is not null from pg_stat_user_tables where relid = 'users'::regclass";
    Ok(sqlx::query_scalar(statement).fetch_one(&fixture.database.pool()).await?)
}

/// Confirms all accounts, in few batches.
fn confirm_all(ostrakon: &Ostrakon) -> Result<Done> {
    let ostrakon = ostrakon
        .clone()
        .with("OSTRAKON_BATCH_ROWS_INITIAL", "4000")
        .with("OSTRAKON_BATCH_ROWS_MAX", "4000")
        .with("OSTRAKON_BATCH_ROWS_BUSY", "4000")
        .with("OSTRAKON_BATCH_PERCENT_BUSY", "100")
        .with("OSTRAKON_BATCH_TARGET", "5s");
    let done = ostrakon.run(&["user", "confirm_all", "--yes", "--inline"])?;
    ensure!(done.code == 0, "{done:?}");
    Ok(done)
}

/// History of the only run, as `runs show` prints it.
async fn history(fixture: &Fixture) -> Result<String> {
    let id: String = sqlx::query_scalar("select id from ostrakon.runs")
        .fetch_one(&fixture.database.pool())
        .await?;
    let shown = fixture.run(&format!("runs show {id}"))?.stdout;
    Ok(shown.split_once("History:\n").context("no history")?.1.to_owned())
}

#[tokio::test]
async fn the_owner_of_the_tables_has_them_analyzed() -> Result<()> {
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    unconfirmed(&fixture, 10_000).await?;
    // An open transaction that could still see the old rows keeps them; otherwise PostgreSQL prunes
    // pages when it reads them again.
    let mut dump =
        fixture.database.pool().begin_with("begin isolation level repeatable read").await?;
    sqlx::query("select from users limit 1").execute(&mut *dump).await?;
    let done = confirm_all(&Ostrakon::on(&fixture.database))?;
    dump.rollback().await?;
    ensure!(was_analyzed(&fixture).await?);
    let reported = done.stderr.lines().find(|line| line.starts_with("public.users: "));
    let reported = reported.with_context(|| format!("{done:?}"))?;
    let dead = reported
        .strip_prefix("public.users: analyzed; ")
        .and_then(|reported| reported.split_once(" dead"));
    let dead: i64 = dead.with_context(|| reported.to_owned())?.0.replace(',', "").parse()?;
    // Each row was written once. Figures that the other PostgreSQL process reports only after the
    // ANALYZE are counted twice.
    ensure!((10_000..=20_000).contains(&dead), "{reported}");
    ensure!(reported.contains(" MiB, which new rows can use again"), "{reported}");
    ensure!(!done.stderr.contains("VACUUM FULL"), "{done:?}");
    let history = history(&fixture).await?;
    let (head, tables) = history.split_once(" maintenance by ").context(history.clone())?;
    ensure!(head.contains(" succeeded by "), "{history}");
    ensure!(tables.contains(&format!("\n    {reported}\n")), "{history}");
    ensure!(tables.contains("\n    public.oban_jobs: analyzed; 0 dead rows"), "{history}");
    Ok(())
}

#[tokio::test]
async fn a_role_that_may_not_analyze_says_so() -> Result<()> {
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    unconfirmed(&fixture, 10_000).await?;
    let done = confirm_all(&fixture.ostrakon)?;
    let reported = "public.users: not analyzed, as the role ostrakon_least may not ANALYZE it; autovacuum \
                will; ";
    ensure!(done.stderr.contains(reported), "{done:?}");
    ensure!(!done.stderr.contains("were not looked after"), "{done:?}");
    ensure!(!was_analyzed(&fixture).await?);
    ensure!(history(&fixture).await?.contains(reported));
    Ok(())
}

#[tokio::test]
async fn a_table_in_use_is_left_to_autovacuum_and_the_run_is_done() -> Result<()> {
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    unconfirmed(&fixture, 10_000).await?;
    let mut vacuum = fixture.database.pool().begin().await?;
    // The lock of a VACUUM, which lets writes through.
    sqlx::raw_sql("lock table users in share update exclusive mode").execute(&mut *vacuum).await?;
    let done = confirm_all(&Ostrakon::on(&fixture.database))?;
    ensure!(done.stderr.contains("public.users: not analyzed, as it was in use; "), "{done:?}");
    ensure!(done.stderr.contains("public.oban_jobs: analyzed; "), "{done:?}");
    vacuum.rollback().await?;
    Ok(())
}

#[tokio::test]
async fn a_small_run_needs_no_care() -> Result<()> {
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    unconfirmed(&fixture, 9_998).await?;
    let done = confirm_all(&Ostrakon::on(&fixture.database))?;
    ensure!(!done.stderr.lines().any(|line| line.starts_with("public.")), "{done:?}");
    ensure!(!was_analyzed(&fixture).await?);
    ensure!(!history(&fixture).await?.contains("maintenance"));
    Ok(())
}
