//! A run that is done here, and what stops it.

use std::{
    io::Write as _,
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};

use super::{
    history::DELETE_ALICE,
    process::Worker,
    stage::{BATCH, Stage, eventually},
};
use testkit::Done;

/// Sends a signal to a process that was started here.
fn signal(child: &Child, name: &str) -> Result<()> {
    let arguments = ["-c", r#"kill -"$1" "$2""#, "kill", name, &child.id().to_string()];
    ensure!(Command::new("sh").args(arguments).status()?.success(), "SIG{name} cannot be sent");
    Ok(())
}

/// The id of the only run.
async fn only_run(stage: &Stage) -> Result<String> {
    Ok(sqlx::query_scalar("select id from ostrakon.runs").fetch_one(&stage.pool).await?)
}

/// The ids of all runs, in the order of their turns.
async fn runs(stage: &Stage) -> Result<Vec<String>> {
    Ok(sqlx::query_scalar("select id from ostrakon.runs order by id")
        .fetch_all(&stage.pool)
        .await?)
}

/// Waits until a run has an event.
async fn has(stage: &Stage, id: &str, event: &str) -> Result<()> {
    eventually(event, async || {
        Ok(stage.events(id).await?.iter().any(|name| name == event).then_some(()))
    })
    .await
}

fn inline(stage: &Stage, more: &[&str]) -> Result<Child> {
    stage.begin(&[&DELETE_ALICE[..], &["--inline", "--yes"], more].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_stops_a_run_pauses_it() -> Result<()> {
    let stage = Stage::new().await?;
    for (name, post, done) in [("INT", 7, 2), ("TERM", 17, 4), ("HUP", 27, 6)] {
        let held = stage.hold(post).await?;
        let child = inline(&stage, &[])?;
        stage.stuck().await?;
        let id = only_run(&stage).await?;
        signal(&child, name)?;
        // The wish waits for the batch, which waits for the row.
        stage.others_are_stuck(1).await?;
        held.rollback().await?;
        let reported = Done::from(child.wait_with_output()?);
        ensure!(reported.code == 130 && reported.stdout.is_empty(), "{name}: {reported:?}");
        for word in ["is paused", &format!("runs resume {id}"), &format!("runs cancel {id}")] {
            ensure!(reported.stderr.contains(word), "{name}: {reported:?}");
        }
        let run = stage.run(&id).await?;
        ensure!((run.status.as_str(), run.done) == ("paused", done * BATCH), "{name}: {run:?}");
        ensure!(run.attempt == 0 && run.last_error.is_none(), "{name}: {run:?}");
        ensure!(stage.ostrakon.run(&["runs", "resume", &id])?.code == 0);
    }
    let reported = stage.ostrakon.run(&[&DELETE_ALICE[..], &["--inline", "--yes"]].concat())?;
    ensure!(reported.code == 0, "{reported:?}");
    stage.is_like_the_twin(&only_run(&stage).await?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_ctrl_c_drops_the_batch() -> Result<()> {
    let stage = Stage::new().await?;
    let held = stage.hold(12).await?;
    let child = inline(&stage, &[])?;
    stage.stuck().await?;
    let id = only_run(&stage).await?;
    signal(&child, "INT")?;
    stage.others_are_stuck(1).await?;
    signal(&child, "INT")?;
    // Nobody has given the row free.
    let reported = Done::from(child.wait_with_output()?);
    ensure!(reported.code == 130 && reported.stderr.contains("is paused"), "{reported:?}");
    let run = stage.run(&id).await?;
    ensure!((run.status.as_str(), run.done) == ("paused", 2 * BATCH), "{run:?}");
    held.rollback().await?;
    ensure!(stage.ostrakon.run(&["runs", "resume", &id])?.code == 0);
    let _worker = Worker::start(&stage.ostrakon)?;
    stage.is_like_the_twin(&id).await
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_has_an_end_here_as_well() -> Result<()> {
    let stage = Stage::new().await?;
    let held = stage.hold(12).await?;
    let child = inline(&stage, &["--wait-timeout", "1s"])?;
    // On a busy machine that may be before the batch with the row.
    eventually("a wish", async || {
        let requested = "select count(*) from pg_stat_activity
                    where application_name = 'ostrakon' and wait_event_type = 'Lock'
                      and datname = current_database()";
        let waiting: i64 = sqlx::query_scalar(requested).fetch_one(&stage.pool).await?;
        let paused = "select count(*) from ostrakon.runs where status = 'paused'";
        let paused: i64 = sqlx::query_scalar(paused).fetch_one(&stage.pool).await?;
        Ok((waiting + paused > 0).then_some(()))
    })
    .await?;
    held.rollback().await?;
    let reported = Done::from(child.wait_with_output()?);
    ensure!(reported.code == 7 && reported.stderr.contains("is paused"), "{reported:?}");
    let run = stage.run(&only_run(&stage).await?).await?;
    ensure!(run.status == "paused" && run.done <= 3 * BATCH, "{run:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_is_stopped_begins_nothing_else() -> Result<()> {
    let stage = Stage::new().await?;
    sqlx::query(
        "insert into users (id, nickname, ap_id, bio, local, inserted_at, updated_at)
         values (gen_random_uuid(), 'x@last.example', 'https://last.example/x', '', false, now(), now())",
    )
    .execute(&stage.pool)
    .await?;
    let mut held = stage.pool.begin().await?;
    sqlx::query("select 1 from users where nickname = 'carl@far.example' for update")
        .execute(&mut *held)
        .await?;
    let words = ["user", "deactivate_all_from_instance", "--hosts-file", "-", "--inline", "--yes"];
    let mut command = stage.ostrakon.command(&words);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    child.stdin.take().context("no input")?.write_all(b"far.example\nlast.example\n")?;
    stage.stuck().await?;
    signal(&child, "INT")?;
    stage.others_are_stuck(1).await?;
    held.rollback().await?;
    let reported = Done::from(child.wait_with_output()?);
    ensure!(reported.code == 130, "{reported:?}");
    let [first, second]: [String; 2] =
        runs(&stage).await?.try_into().map_err(|all| anyhow::anyhow!("{all:?}"))?;
    // The first host may have been through with that batch.
    let run = stage.run(&first).await?;
    ensure!(["paused", "succeeded"].contains(&run.status.as_str()), "{run:?}");
    ensure!(stage.events(&second).await? == ["queued"]);
    ensure!(stage.run(&second).await?.status == "paused");
    let group: String =
        sqlx::query_scalar("select id from ostrakon.groups").fetch_one(&stage.pool).await?;
    ensure!(reported.stderr.contains("is paused, 1 run not started"), "{reported:?}");
    ensure!(reported.stderr.contains(&format!("runs resume {group}")), "{reported:?}");
    let resumed = stage.ostrakon.run(&["runs", "resume", &group])?;
    ensure!(resumed.code == 0, "{resumed:?}");
    ensure!(stage.run(&second).await?.status == "queued");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_must_wait_says_so_at_once_and_can_be_stopped() -> Result<()> {
    let stage = Stage::new().await?;
    // A check that throttles before anything is known of the run.
    let flag = tempfile::NamedTempFile::new()?;
    let flag = flag.path().display().to_string();
    let ostrakon = stage.with("OSTRAKON_THROTTLE_FLAG_FILE", &flag);
    let words = [&DELETE_ALICE[..], &["--inline", "--yes"]].concat();
    let mut command = ostrakon.command(&words);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    eventually("a run", async || {
        let held = "select count(*) from ostrakon.runs where throttle is not null";
        let held: i64 = sqlx::query_scalar(held).fetch_one(&stage.pool).await?;
        Ok((held > 0).then_some(()))
    })
    .await?;
    let id = only_run(&stage).await?;
    signal(&child, "INT")?;
    let reported = Done::from(child.wait_with_output()?);
    ensure!(reported.code == 130 && reported.stderr.contains("is throttled: "), "{reported:?}");
    has(&stage, &id, "paused").await
}
