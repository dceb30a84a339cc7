//! A worker that takes over `repair counters` does not know what the plan found.

use anyhow::{Context as _, Result, ensure};
use ostrakon_engine::FailPoint;
use serde_json::Value;

use super::{process::Worker, stage::Stage};

/// Numbers of posts by host.
async fn hosts(stage: &Stage) -> Result<Vec<(String, i64, i64, i64, i64)>> {
    let rows = sqlx::query_as(
        "select instance::text, public, unlisted, private, direct from counter_cache order by id",
    );
    Ok(rows.fetch_all(&stage.pool).await?)
}

/// Queues the repair of wrong numbers, and has the worker that plans it die.
async fn planned(stage: &Stage) -> Result<String> {
    sqlx::raw_sql("update counter_cache set public = public + 7").execute(&stage.pool).await?;
    let (id, _) = queue(stage, &[])?;
    let point = FailPoint::AfterPlanCommit.name();
    let dies = stage.with_short_leases().with("FAILPOINTS", format!("{point}=return"));
    Worker::launch(&dies)?.end()?;
    Ok(id)
}

/// Queues the repair; gives the run's id, and what was printed.
fn queue(stage: &Stage, options: &[&str]) -> Result<(String, Value)> {
    let asked = [&["repair", "counters", "--yes", "--queue", "--json"], options].concat();
    let done = stage.ostrakon.run(&asked)?;
    let run: Value = serde_json::from_str(&done.stdout).with_context(|| format!("{done:?}"))?;
    Ok((run["run_id"].as_str().context("no id")?.to_owned(), run))
}

#[tokio::test(flavor = "multi_thread")]
async fn it_counts_again() -> Result<()> {
    let stage = Stage::new().await?;
    let right = hosts(&stage).await?;
    let id = planned(&stage).await?;
    ensure!(hosts(&stage).await? != right);
    let _next = Worker::start(&stage.with_short_leases())?;
    let run = stage.reaches(&id, "succeeded").await?;
    ensure!(run.total == Some(run.done), "{run:?}");
    ensure!(hosts(&stage).await? == right);
    let events = stage.events(&id).await?;
    ensure!(!events.contains(&"set_back".to_owned()), "{events:?}");
    Ok(())
}

/// The recount at the end may take as long as it needs.
#[tokio::test(flavor = "multi_thread")]
async fn it_counts_at_the_end_if_a_batch_may_not_take_so_long() -> Result<()> {
    let stage = Stage::new().await?;
    let right = hosts(&stage).await?;
    let id = planned(&stage).await?;
    sqlx::raw_sql(
        "alter function activity_visibility rename to quick_visibility;
         create function activity_visibility(actor varchar, recipients varchar[], data jsonb)
         returns varchar language plpgsql as $$
         begin
             perform pg_sleep(0.05);
             return quick_visibility(actor, recipients, data);
         end $$",
    )
    .execute(&stage.pool)
    .await?;
    let hasty = stage.with_short_leases().with("OSTRAKON_BATCH_STATEMENT_TIMEOUT", "300ms");
    let _next = Worker::start(&hasty)?;
    let run = stage.reaches(&id, "succeeded").await?;
    ensure!(run.total == Some(run.done), "{run:?}");
    ensure!(hosts(&stage).await? == right);
    let events = stage.events(&id).await?;
    ensure!(events.contains(&"set_back".to_owned()), "{events:?}");
    Ok(())
}

/// An account with so many posts that a batch cannot count them is corrected by what the plan found.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_no_batch_can_count_is_corrected_as_planned() -> Result<()> {
    let stage = Stage::new().await?;
    let notes = "select note_count from users where nickname = 'alice'";
    let right: i32 = sqlx::query_scalar(notes).fetch_one(&stage.pool).await?;
    sqlx::raw_sql(
        "update users set note_count = 99 where nickname = 'alice';
         alter function associated_object_id rename to quick_object_id;
         create function associated_object_id(data jsonb) returns varchar language plpgsql as $$
         begin
             perform pg_sleep(0.003);
             return quick_object_id(data);
         end $$",
    )
    .execute(&stage.pool)
    .await?;
    let (id, _) = queue(&stage, &["--accounts-only"])?;
    let _worker = Worker::start(&stage.with("OSTRAKON_BATCH_STATEMENT_TIMEOUT", "300ms"))?;
    let run = stage.reaches(&id, "succeeded").await?;
    ensure!(run.parked == 0 && run.total == Some(run.done), "{run:?}");
    let counted: i32 = sqlx::query_scalar(notes).fetch_one(&stage.pool).await?;
    ensure!(counted == right, "{counted} instead of {right}");
    Ok(())
}
