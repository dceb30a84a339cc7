//! Items that a run left aside, tried again.

use anyhow::{Context as _, Result, ensure};

use super::{
    process::Worker,
    stage::Stage,
    story::{DELETE_ALICE, TOTAL, mend, posts_left, spoil},
};

/// Data that is wrong: a check is violated.
const BAD_ROW: &str = "23514";

/// Something is missing that no repetition brings back: a table.
const HOPELESS: &str = "42P01";

async fn reasons(stage: &Stage, id: &str) -> Result<Vec<String>> {
    let statement = "select reason from kenoma.parked_items where run_id = $1 order by item";
    Ok(sqlx::query_scalar(statement).bind(id).fetch_all(&stage.pool).await?)
}

/// Takes out what asks the server once more to read the account anew: each end of a run does.
async fn forget_repeated_refreshes(stage: &Stage) -> Result<()> {
    sqlx::raw_sql(
        "delete from oban_jobs later using oban_jobs first
         where later.id > first.id and later.args = first.args
           and later.args ->> 'op' = 'verify_fields_links'",
    )
    .execute(&stage.pool)
    .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_parked_is_done_once_it_can_be() -> Result<()> {
    let stage = Stage::new().await?;
    spoil(&stage.pool, 12, BAD_ROW).await?;
    spoil(&stage.pool, 29, BAD_ROW).await?;
    let _worker = Worker::start(&stage.kenoma)?;
    let id = stage.queue_alice()?;
    let run = stage.reaches(&id, "succeeded").await?;
    ensure!((run.done, run.parked) == (TOTAL - 2, 2), "{run:?}");
    ensure!(posts_left(&stage.pool).await? == [12, 29]);

    let refused = stage.kenoma.run(&["jobs", "retry", &id])?;
    ensure!(refused.code == 4 && refused.stderr.contains("retry"), "{refused:?}");
    ensure!(refused.stderr.contains(&format!("kenoma jobs retry {id} --parked")), "{refused:?}");

    // Nothing is better yet.
    let said = stage.kenoma.run(&["jobs", "retry", &id, "--parked"])?;
    ensure!(said.code == 0 && said.stdout.contains("for its 2 parked items"), "{said:?}");
    let run = stage.reaches(&id, "succeeded").await?;
    ensure!((run.done, run.parked) == (TOTAL - 2, 2), "{run:?}");
    ensure!(reasons(&stage, &id).await?.iter().all(|reason| reason.contains("spoilt")));
    ensure!(stage.kenoma.run(&["jobs", "watch", &id])?.code == 6);

    mend(&stage.pool, BAD_ROW).await?;
    let said = stage.kenoma.run(&["jobs", "retry", &id, "--parked"])?;
    ensure!(said.code == 0, "{said:?}");
    stage.reaches(&id, "succeeded").await?;
    forget_repeated_refreshes(&stage).await?;
    stage.is_like_the_twin(&id).await?;
    ensure!(reasons(&stage, &id).await?.is_empty());
    let refused = stage.kenoma.run(&["jobs", "retry", &id, "--parked"])?;
    ensure!(refused.code == 4 && refused.stderr.contains("no parked items"), "{refused:?}");

    let events = stage.events(&id).await?;
    let again = ["parked_retry_requested", "resumed"];
    let told: Vec<&str> = ["queued", "started", "planned", "parked", "parked", "succeeded"]
        .into_iter()
        .chain(again)
        .chain(["succeeded"])
        .chain(again)
        .chain(["unparked", "unparked", "succeeded"])
        .collect();
    ensure!(events == told, "{events:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_run_can_have_only_its_parked_items_tried_again() -> Result<()> {
    let stage = Stage::new().await?;
    spoil(&stage.pool, 5, BAD_ROW).await?;
    spoil(&stage.pool, 20, HOPELESS).await?;
    let mut worker = Worker::start(&stage.kenoma)?;
    let id = stage.queue_alice()?;
    let failed = stage.reaches(&id, "failed").await?;
    ensure!(failed.parked == 1, "{failed:?}");
    let reason = failed.last_error.context("no reason")?;
    ensure!(reason.contains("spoilt"), "{reason}");
    let left = posts_left(&stage.pool).await?;
    ensure!(left.contains(&5) && left.contains(&20) && left.contains(&30), "{left:?}");
    worker.expect("has failed")?;

    mend(&stage.pool, BAD_ROW).await?;
    ensure!(stage.kenoma.run(&["jobs", "retry", &id, "--parked"])?.code == 0);
    worker.expect("has failed")?;
    let run = stage.reaches(&id, "failed").await?;
    ensure!((run.done, run.parked) == (failed.done + 1, 0), "{run:?}");
    ensure!(run.last_error.as_ref() == Some(&reason), "{run:?}");
    let others: Vec<usize> = left.into_iter().filter(|post| *post != 5).collect();
    ensure!(posts_left(&stage.pool).await? == others, "others than the parked one were touched");

    mend(&stage.pool, HOPELESS).await?;
    ensure!(stage.kenoma.run(&["jobs", "retry", &id])?.code == 0);
    stage.is_like_the_twin(&id).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parked_item_that_somebody_else_did_is_done() -> Result<()> {
    let stage = Stage::new().await?;
    spoil(&stage.pool, 30, BAD_ROW).await?;
    let _worker = Worker::start(&stage.kenoma)?;
    let id = stage.queue_alice()?;
    stage.reaches(&id, "succeeded").await?;
    mend(&stage.pool, BAD_ROW).await?;
    let done = stage.kenoma.run(&[&DELETE_ALICE[..], &["--inline", "--yes"]].concat())?;
    ensure!(done.code == 0, "{done:?}");
    ensure!(stage.kenoma.run(&["jobs", "retry", &id, "--parked"])?.code == 0);
    stage.reaches(&id, "succeeded").await?;
    forget_repeated_refreshes(&stage).await?;
    stage.is_like_the_twin(&id).await
}
