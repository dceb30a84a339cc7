//! Which commits wait for PostgreSQL's disk, and what a crash of it may take back.

use anyhow::{Context as _, Result, ensure};
use sqlx::{PgPool, postgres::PgPoolOptions};
use testkit::{Flavour, Ostrakon, Postgres, PostgresOptions};

use super::{
    history::{DELETE_ALICE, TOTAL, hold, is_like_the_twin, load_story},
    process::Worker,
    stage::{BATCH, Stage, eventually, quick, reaches, run, stuck},
};

/// Writes down, as each transaction that changes a run commits, what it waits for.
async fn watch_commits(pool: &PgPool) -> Result<()> {
    sqlx::raw_sql(
        "do $$ begin
             execute format('alter database %I set synchronous_commit = on', current_database());
         end $$;
         create table ostrakon.commits (
             xact xid8 default pg_current_xact_id(), got_on boolean, ended boolean, waits text);
         create function ostrakon.watch() returns trigger language plpgsql security definer as $$
         begin
             insert into ostrakon.commits (got_on, ended, waits)
             values (old.done < new.done, new.status <> 'running', current_setting('synchronous_commit'));
             return null;
         end $$;
         create constraint trigger watch after update on ostrakon.runs deferrable initially deferred
             for each row execute function ostrakon.watch()",
    )
    .execute(pool)
    .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_batches_do_not_wait_for_the_disk() -> Result<()> {
    let stage = Stage::new().await?;
    watch_commits(&stage.pool).await?;
    let id = stage.queue_alice()?;
    let _worker = Worker::start(&stage.ostrakon)?;
    stage.reaches(&id, "succeeded").await?;
    let commits: Vec<(bool, bool, String)> = sqlx::query_as(
        "select bool_or(got_on), bool_or(ended), string_agg(distinct waits, ' ')
         from ostrakon.commits group by xact order by xact",
    )
    .fetch_all(&stage.pool)
    .await?;
    let batches =
        commits.iter().filter(|(made_progress, ended, _)| *made_progress && !ended).count();
    ensure!(i64::try_from(batches)? >= TOTAL / BATCH, "{commits:?}");
    ensure!(commits.last().is_some_and(|(_, ended, _)| *ended), "{commits:?}");
    for (made_progress, ended, waits) in &commits {
        let expected = if *made_progress && !ended { "off" } else { "on" };
        ensure!(waits == expected, "{commits:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_that_a_crash_took_back_are_done_again() -> Result<()> {
    // Nobody writes the log to disk but whoever waits for it; and a batch may wait for a held post.
    let extra = [
        ("wal_writer_delay", "10s"),
        ("bgwriter_lru_maxpages", "0"),
        ("autovacuum", "off"),
        ("deadlock_timeout", "10min"),
    ];
    let extra = extra.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let mut server = Postgres::start_with(PostgresOptions { durable: true, extra })?;
    let url = server.url("postgres");
    let pool = PgPoolOptions::new().connect_lazy(&url)?;
    sqlx::raw_sql(Flavour::Pleroma.schema()).execute(&pool).await?;
    load_story(&pool).await?;
    let ostrakon = quick(Ostrakon::at(&url), testkit::redis()?.url())
        .with("OSTRAKON_REDIS_PREFIX", ulid::Ulid::generate().to_string());
    ostrakon.migrate()?;

    let held = hold(&pool, 12).await?;
    let mut inline =
        ostrakon.command(&[&DELETE_ALICE[..], &["--inline", "--yes"]].concat()).spawn()?;
    stuck(&pool, 1).await?;
    let id: String = sqlx::query_scalar("select id from ostrakon.runs").fetch_one(&pool).await?;
    let before = run(&pool, &id).await?;
    ensure!(before.done == 2 * BATCH, "{before:?}");
    server.stop_immediate()?;
    drop(held);
    inline.wait()?;
    server.restart()?;
    eventually("PostgreSQL answers", async || Ok(pool.acquire().await.ok().map(drop))).await?;

    let after = run(&pool, &id).await?;
    ensure!(after.done < before.done, "nothing was taken back: {after:?}");
    let left: i64 = sqlx::query_scalar(
        "select count(*) from activities where data ->> 'type' = 'Create' and actor like '%/alice'",
    )
    .fetch_one(&pool)
    .await?;
    ensure!(left == 30 - after.done, "{left} posts are left, and the ledger says {after:?}");
    // Time passes.
    sqlx::query("update ostrakon.runs set lease_expires_at = clock_timestamp()")
        .execute(&pool)
        .await?;
    let _worker = Worker::start(&ostrakon)?;
    reaches(&pool, &id, "succeeded").await.context("after the crash")?;
    is_like_the_twin(&pool, &id).await
}
