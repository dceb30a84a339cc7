//! Items that a run left aside, tried again.

use anyhow::{Context as _, Result, ensure};

use super::{
    history::{DELETE_ALICE, TOTAL, mend, posts_left, spoil},
    process::Worker,
    stage::Stage,
};

/// Data that is wrong: a check is violated.
const BAD_ROW: &str = "23514";

/// A statement takes too long.
const TAKES_TOO_LONG: &str = "57014";

/// Something is missing that no repetition brings back: a table.
const HOPELESS: &str = "42P01";

async fn reasons(stage: &Stage, id: &str) -> Result<Vec<String>> {
    let statement = "select reason from ostrakon.parked_items where run_id = $1 order by item";
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
    let _worker = Worker::start(&stage.ostrakon)?;
    let id = stage.queue_alice()?;
    let run = stage.reaches(&id, "incomplete").await?;
    ensure!((run.done, run.parked) == (TOTAL - 2, 2), "{run:?}");
    ensure!(posts_left(&stage.pool).await? == [12, 29]);

    // Nothing is better yet.
    let said = stage.ostrakon.run(&["runs", "retry", &id, "--parked"])?;
    ensure!(said.code == 0 && said.stdout.contains("for its 2 parked items"), "{said:?}");
    let run = stage.reaches(&id, "incomplete").await?;
    ensure!((run.done, run.parked) == (TOTAL - 2, 2), "{run:?}");
    ensure!(reasons(&stage, &id).await?.iter().all(|reason| reason.contains("spoilt")));
    ensure!(stage.ostrakon.run(&["runs", "watch", &id])?.code == 6);

    mend(&stage.pool, BAD_ROW).await?;
    let said = stage.ostrakon.run(&["runs", "retry", &id])?;
    ensure!(said.code == 0 && said.stdout.contains("parked items included"), "{said:?}");
    stage.reaches(&id, "succeeded").await?;
    forget_repeated_refreshes(&stage).await?;
    stage.is_like_the_twin(&id).await?;
    ensure!(reasons(&stage, &id).await?.is_empty());
    for requested in [&["runs", "retry", &id][..], &["runs", "retry", &id, "--parked"]] {
        let refused = stage.ostrakon.run(requested)?;
        ensure!(
            refused.code == 4 && refused.stderr.contains("nothing of it is left"),
            "{refused:?}"
        );
    }

    let events = stage.events(&id).await?;
    let reported: Vec<&str> = ["queued", "started", "planned", "parked", "parked", "incomplete"]
        .into_iter()
        .chain(["parked_retry_requested", "resumed", "incomplete"])
        .chain(["retry_requested", "resumed", "unparked", "unparked", "succeeded"])
        .collect();
    ensure!(events == reported, "{events:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_run_can_have_only_its_parked_items_tried_again() -> Result<()> {
    let stage = Stage::new().await?;
    spoil(&stage.pool, 5, BAD_ROW).await?;
    spoil(&stage.pool, 20, HOPELESS).await?;
    let mut worker = Worker::start(&stage.ostrakon)?;
    let id = stage.queue_alice()?;
    let failed = stage.reaches(&id, "failed").await?;
    ensure!(failed.parked == 1, "{failed:?}");
    let reason = failed.last_error.context("no reason")?;
    ensure!(reason.contains("spoilt"), "{reason}");
    let left = posts_left(&stage.pool).await?;
    ensure!(left.contains(&5) && left.contains(&20) && left.contains(&30), "{left:?}");
    worker.expect("has failed")?;

    mend(&stage.pool, BAD_ROW).await?;
    ensure!(stage.ostrakon.run(&["runs", "retry", &id, "--parked"])?.code == 0);
    worker.expect("has failed")?;
    let run = stage.reaches(&id, "failed").await?;
    ensure!((run.done, run.parked) == (failed.done + 1, 0), "{run:?}");
    ensure!(run.last_error.as_ref() == Some(&reason), "{run:?}");
    let others: Vec<usize> = left.into_iter().filter(|post| *post != 5).collect();
    ensure!(posts_left(&stage.pool).await? == others, "others than the parked one were touched");

    mend(&stage.pool, HOPELESS).await?;
    ensure!(stage.ostrakon.run(&["runs", "retry", &id])?.code == 0);
    stage.is_like_the_twin(&id).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parked_item_that_somebody_else_did_is_done() -> Result<()> {
    let stage = Stage::new().await?;
    spoil(&stage.pool, 30, BAD_ROW).await?;
    let _worker = Worker::start(&stage.ostrakon)?;
    let id = stage.queue_alice()?;
    stage.reaches(&id, "incomplete").await?;
    mend(&stage.pool, BAD_ROW).await?;
    let done = stage.ostrakon.run(&[&DELETE_ALICE[..], &["--inline", "--yes"]].concat())?;
    ensure!(done.code == 0, "{done:?}");
    ensure!(stage.ostrakon.run(&["runs", "retry", &id, "--parked"])?.code == 0);
    stage.reaches(&id, "succeeded").await?;
    forget_repeated_refreshes(&stage).await?;
    stage.is_like_the_twin(&id).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_item_that_takes_too_long_is_parked_with_the_setting() -> Result<()> {
    let stage = Stage::new().await?;
    spoil(&stage.pool, 12, TAKES_TOO_LONG).await?;
    let mut worker = Worker::start(&stage.ostrakon)?;
    let id = stage.queue_alice()?;
    // Not at once: it may pass.
    for _ in 0..2 {
        let line = worker.expect("delete_activities alice will be retried")?;
        ensure!(line["error"].to_string().contains("batch.statement_timeout (2m)"), "{line}");
        stage.has_waited(&id).await?;
    }
    let run = stage.reaches(&id, "incomplete").await?;
    ensure!((run.done, run.parked, run.attempt) == (TOTAL - 1, 1, 0), "{run:?}");
    ensure!(posts_left(&stage.pool).await? == [12]);
    let reported = reasons(&stage, &id).await?;
    ensure!(
        reported[0].contains("this item alone takes longer than batch.statement_timeout"),
        "{reported:?}"
    );

    mend(&stage.pool, TAKES_TOO_LONG).await?;
    ensure!(stage.ostrakon.run(&["runs", "retry", &id])?.code == 0);
    stage.reaches(&id, "succeeded").await?;
    forget_repeated_refreshes(&stage).await?;
    stage.is_like_the_twin(&id).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_took_too_long_is_tried_once_more_at_the_end() -> Result<()> {
    let stage = Stage::new().await?;
    spoil(&stage.pool, 12, TAKES_TOO_LONG).await?;
    spoil(&stage.pool, 29, TAKES_TOO_LONG).await?;
    let mut worker = Worker::start(&stage.ostrakon)?;
    let id = stage.queue_alice()?;
    let later = "delete_activities alice will be retried";
    for _ in 0..2 {
        worker.expect(later)?;
        stage.has_waited(&id).await?;
    }
    worker.expect("An item is parked")?;
    // The second one is in the way now.
    worker.expect(later)?;
    ensure!(stage.run(&id).await?.parked == 1);
    mend(&stage.pool, TAKES_TOO_LONG).await?;
    stage.has_waited(&id).await?;
    stage.is_like_the_twin(&id).await?;
    ensure!(stage.events(&id).await?.contains(&"unparked".to_owned()));
    Ok(())
}
