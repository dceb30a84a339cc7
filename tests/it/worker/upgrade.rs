//! Two versions of ostrakon on one ledger: what the newer one wrote is left to it, and `ostrakon migrate`
//! beside workers.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use sqlx::PgPool;
use testkit::{Database, Done, Flavour, Ostrakon};

use super::{
    history::DELETE_ALICE,
    process::{Worker, message},
    stage::{BATCH, Stage, eventually},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_versions_run_is_left_alone() -> Result<()> {
    let stage = Stage::new().await?;
    let id = ulid::Ulid::generate().to_string();
    sqlx::query(
        "insert into ostrakon.runs (id, job, class, payload, subject, dedupe_key, requested_by, plan)
         values ($1, 'sweep_everything', 'long', '{}', 'all', 'sweep', 'tester',
                 '{\"counts\": [], \"notes\": [], \"total\": 0}')",
    )
    .bind(&id)
    .execute(&stage.pool)
    .await?;
    let mut worker = Worker::start(&stage.ostrakon)?;
    let line = worker.expect("left for a newer worker")?;
    ensure!(line["run_id"] == id && line["level"] == "WARN", "{line}");
    let error = line["error"].as_str().unwrap_or_default();
    ensure!(error.contains("sweep_everything"), "{line}");
    let known = stage.queue_alice()?;
    stage.is_like_the_twin(&known).await?;
    let run = stage.run(&id).await?;
    ensure!((run.status.as_str(), run.attempt, run.crashes) == ("queued", 0, 0), "{run:?}");
    ensure!(stage.events(&id).await?.is_empty());
    Ok(())
}

/// Everything of a run's row that a worker may write.
async fn row(stage: &Stage, id: &str) -> Result<Value> {
    let statement = "select to_jsonb(run) - 'notified_at' from ostrakon.runs run where id = $1";
    Ok(sqlx::query_scalar(statement).bind(id).fetch_one(&stage.pool).await?)
}

/// Writes a field into a run's payload or cursor, as a newer version might have.
async fn set(stage: &Stage, id: &str, column: &str, value: Value) -> Result<()> {
    let statement = match column {
        "payload" => "update ostrakon.runs set payload = $2, notified_at = null where id = $1",
        _ => "update ostrakon.runs set cursor = $2, notified_at = null where id = $1",
    };
    sqlx::query(statement).bind(id).bind(value).execute(&stage.pool).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_with_a_field_of_a_newer_version_is_left_to_it() -> Result<()> {
    let stage = Stage::new().await?;
    let id = stage.queue_alice()?;
    let known = row(&stage, &id).await?["payload"].clone();
    let mut newer = known.clone();
    newer["keep_pins"] = json!(true);
    set(&stage, &id, "payload", newer).await?;
    let before = row(&stage, &id).await?;

    let mut worker = Worker::start(&stage.ostrakon)?;
    let line = worker.expect_that("left for a newer worker", |line| line["run_id"] == id)?;
    ensure!(line["level"] == "WARN", "{line}");
    ensure!(line["error"].to_string().contains("unknown field `keep_pins`"), "{line}");
    // Announced again, and left again.
    worker.expect_that("left for a newer worker", |line| line["run_id"] == id)?;
    ensure!(row(&stage, &id).await? == before, "the run has changed");
    stage.is_untouched().await?;

    let shown = stage.ostrakon.run(&["runs", "show", &id])?;
    ensure!(shown.code == 0, "{shown:?}");
    ensure!(shown.stdout.contains("Waits for    a worker of a newer version:"), "{shown:?}");
    let watched = stage.ostrakon.run(&["runs", "watch", &id, "--wait-timeout", "300ms"])?;
    ensure!(watched.code == 7, "{watched:?}");
    ensure!(watched.stderr.contains("waits for a worker of a newer version"), "{watched:?}");
    // It is not what this version would ask for.
    let inline = stage.ostrakon.run(&[&DELETE_ALICE[..], &["--inline", "--yes"]].concat())?;
    ensure!(inline.code == 5 && inline.stderr.contains(&id), "{inline:?}");
    ensure!(row(&stage, &id).await? == before, "the run has changed");

    // A worker that understands it.
    set(&stage, &id, "payload", known).await?;
    stage.is_like_the_twin(&id).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_of_a_newer_version_is_left_to_it() -> Result<()> {
    let stage = Stage::new().await?;
    let held = stage.hold(12).await?;
    let mut worker = Worker::start(&stage.ostrakon)?;
    let id = stage.queue_alice()?;
    stage.stuck().await?;
    worker.signal("TERM")?;
    worker.expect("Stopping")?;
    held.rollback().await?;
    worker.end()?;
    let known = row(&stage, &id).await?["cursor"].clone();
    let mut newer = known.clone();
    newer["pass"] = json!(2);
    set(&stage, &id, "cursor", newer).await?;
    let before = row(&stage, &id).await?;

    let mut worker = Worker::start(&stage.ostrakon)?;
    let line = worker.expect_that("left for a newer worker", |line| line["run_id"] == id)?;
    ensure!(line["level"] == "WARN", "{line}");
    ensure!(line["error"].to_string().contains("unknown field `pass`"), "{line}");
    ensure!(row(&stage, &id).await? == before, "the run has changed");

    // Who claims it all the same gives it back as it was.
    let inline = stage.ostrakon.run(&[&DELETE_ALICE[..], &["--inline", "--yes"]].concat())?;
    ensure!(inline.code == 4 && inline.stderr.contains("unknown field `pass`"), "{inline:?}");
    ensure!(inline.stderr.contains("update ostrakon"), "{inline:?}");
    let run = stage.run(&id).await?;
    ensure!((run.status.as_str(), run.attempt, run.crashes) == ("queued", 0, 0), "{run:?}");
    ensure!((run.done, &run.last_error) == (3 * BATCH, &None), "{run:?}");
    ensure!(row(&stage, &id).await?["cursor"] == before["cursor"], "the cursor has changed");
    ensure!(stage.events(&id).await?.ends_with(&["resumed".into(), "left".into()]));

    set(&stage, &id, "cursor", known).await?;
    stage.is_like_the_twin(&id).await
}

/// Takes back what the latest migrations made, so that the ledger is an older version's.
async fn make_older(pool: &PgPool) -> Result<()> {
    // Those after the second may be applied again: what they add stays, as the worker at work needs
    // it.
    let undone = "drop table ostrakon.actions, ostrakon.instance_accounts,
                             ostrakon.selection_accounts, ostrakon.selections;
                  delete from ostrakon._sqlx_migrations where version between 2 and 15";
    sqlx::raw_sql(undone).execute(pool).await?;
    let left: Vec<i64> =
        sqlx::query_scalar("select version from ostrakon._sqlx_migrations").fetch_all(pool).await?;
    ensure!(left == [1], "take back here what the migrations after {left:?} make");
    Ok(())
}

/// Has the ledger look as if a newer version had made it.
async fn make_newer(pool: &PgPool) -> Result<()> {
    sqlx::query(
        "insert into ostrakon._sqlx_migrations (version, description, success, checksum, execution_time)
         values (9999, 'of a newer version', true, '', 0)",
    )
    .execute(pool)
    .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn migrate_does_not_disturb_a_run() -> Result<()> {
    let stage = Stage::new().await?;
    let held = stage.hold(12).await?;
    let worker = Worker::start(&stage.ostrakon)?;
    let id = stage.queue_alice()?;
    stage.stuck().await?;
    make_older(&stage.pool).await?;
    let refused = stage.ostrakon.run(&["runs", "list"])?;
    ensure!(refused.code == 4 && refused.stderr.contains("ostrakon migrate"), "{refused:?}");

    let migrating = stage
        .owner()
        .command(&["migrate"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()?;
    eventually("a migration that waits for the batch", async || {
        let waiting = "select exists (select from pg_stat_activity
                       where datname = current_database() and application_name = 'ostrakon'
                         and wait_event_type = 'Lock' and query like '%alter table ostrakon.runs%')";
        let waits: bool = sqlx::query_scalar(waiting).fetch_one(&stage.pool).await?;
        Ok(waits.then_some(()))
    })
    .await?;
    held.rollback().await?;
    let done = Done::from(migrating.wait_with_output()?);
    ensure!(done.code == 0 && done.stdout.contains("were updated"), "{done:?}");
    let done = stage.owner().run(&["migrate"])?;
    ensure!(done.code == 0 && done.stdout.contains("are up to date"), "{done:?}");
    stage.is_like_the_twin(&id).await?;
    let log = worker.stop()?;
    ensure!(log.iter().all(|line| line["level"] == "INFO"), "{log:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn migrate_says_what_is_in_the_way_and_refuses_to_run_twice() -> Result<()> {
    let database = Database::create(Flavour::Akkoma).await?;
    let ostrakon = Ostrakon::on(&database);
    ostrakon.migrate()?;
    let pool = database.pool();
    make_older(&pool).await?;
    let mut holder = pool.begin().await?;
    let pid: i32 = sqlx::query_scalar("select pg_backend_pid()").fetch_one(&mut *holder).await?;
    sqlx::raw_sql("lock table ostrakon._sqlx_migrations in share mode")
        .execute(&mut *holder)
        .await?;
    let first = ostrakon
        .command(&["migrate"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()?;
    let migrating: i32 = eventually("a migration that waits", async || {
        let waiting = "select pid from pg_stat_activity where datname = current_database()
                       and application_name = 'ostrakon' and wait_event_type = 'Lock'";
        Ok(sqlx::query_scalar(waiting).fetch_optional(&pool).await?)
    })
    .await?;

    let second = ostrakon.run(&["migrate"])?;
    ensure!(second.code == 4 && second.stdout.is_empty(), "{second:?}");
    ensure!(second.stderr.contains(&format!("process {migrating})")), "{second:?}");
    ensure!(second.stderr.contains("then run it again"), "{second:?}");

    let first = Done::from(first.wait_with_output()?);
    ensure!(first.code == 1, "{first:?}");
    ensure!(first.stderr.contains(&format!("process {pid} ")), "{first:?}");
    ensure!(first.stderr.contains("Try again in a moment"), "{first:?}");
    holder.rollback().await?;
    ostrakon.migrate()?;
    let there: Option<String> =
        sqlx::query_scalar("select to_regclass('ostrakon.actions')::text").fetch_one(&pool).await?;
    ensure!(there.as_deref() == Some("ostrakon.actions"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_stops_when_the_ledger_becomes_newer() -> Result<()> {
    let stage = Stage::new().await?;
    let held = stage.hold(12).await?;
    let mut worker = Worker::start(&stage.ostrakon)?;
    let id = stage.queue_alice()?;
    stage.stuck().await?;
    make_newer(&stage.pool).await?;
    let line = worker.expect("this worker no longer knows the database")?;
    ensure!(
        line["level"] == "WARN" && line["reason"].to_string().contains("newer version"),
        "{line}"
    );
    held.rollback().await?;
    let (status, log) = worker.end()?;
    ensure!(status.code() == Some(4), "{status}: {log:#?}");
    let reported = log.last().map(message).unwrap_or_default();
    ensure!(
        reported.starts_with("error: ostrakon's own tables were made by a newer version"),
        "{reported}"
    );
    ensure!(reported.contains("update ostrakon, and start the worker again"), "{reported}");
    let run = stage.run(&id).await?;
    ensure!((run.status.as_str(), run.done, run.attempt) == ("queued", 3 * BATCH, 0), "{run:?}");
    ensure!(stage.events(&id).await?.last().is_some_and(|event| event == "interrupted"));

    let again = stage.ostrakon.run(&["worker"])?;
    ensure!(again.code == 4 && again.stderr.contains("update ostrakon"), "{again:?}");
    sqlx::raw_sql("delete from ostrakon._sqlx_migrations where version = 9999")
        .execute(&stage.pool)
        .await?;
    let _updated = Worker::start(&stage.ostrakon)?;
    stage.is_like_the_twin(&id).await
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_refuse_a_newer_ledger() -> Result<()> {
    let stage = Stage::new().await?;
    let id = stage.queue_alice()?;
    make_newer(&stage.pool).await?;
    for line in [
        "migrate".to_owned(),
        "worker".to_owned(),
        "actions".to_owned(),
        "runs list".to_owned(),
        format!("runs show {id}"),
        format!("runs cancel {id}"),
        "user delete_activities bob --yes".to_owned(),
        "user delete_activities bob --yes --inline".to_owned(),
        "user deactivate_all_from_instance far.example --yes".to_owned(),
        "user set bob --admin".to_owned(),
        "user sign_out bob".to_owned(),
    ] {
        let arguments: Vec<&str> = line.split(' ').collect();
        let done = stage.ostrakon.run(&arguments)?;
        ensure!(done.code == 4, "{line}: {done:?}");
        ensure!(
            done.stderr.contains("newer version than this program; update ostrakon"),
            "{done:?}"
        );
    }
    stage.is_untouched().await?;
    let runs: i64 =
        sqlx::query_scalar("select count(*) from ostrakon.runs").fetch_one(&stage.pool).await?;
    ensure!(runs == 1);
    let planned = stage.ostrakon.run(&["user", "delete_activities", "bob", "--dry-run"])?;
    ensure!(planned.code == 0, "{planned:?}");
    Ok(())
}

/// As an update of the server does, while the worker runs.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_stops_when_the_server_is_migrated() -> Result<()> {
    let stage = Stage::new().await?;
    let held = stage.hold(12).await?;
    let mut worker = Worker::start(&stage.ostrakon)?;
    let id = stage.queue_alice()?;
    stage.stuck().await?;
    sqlx::query(
        "insert into public.schema_migrations (version, inserted_at) values (99990101000000, now())",
    )
    .execute(&stage.pool)
    .await?;
    let line = worker.expect("this worker no longer knows the database")?;
    ensure!(line["level"] == "WARN" && line["reason"].to_string().contains("migrated"), "{line}");
    held.rollback().await?;
    let (status, log) = worker.end()?;
    ensure!(status.code() == Some(4), "{status}: {log:#?}");
    let reported = log.last().map(message).unwrap_or_default();
    ensure!(reported.contains("Start the worker again"), "{reported}");
    let run = stage.run(&id).await?;
    ensure!((run.status.as_str(), run.done, run.attempt) == ("queued", 3 * BATCH, 0), "{run:?}");

    // It examines the tables again, and finds that the migration changed nothing that matters.
    let _again = Worker::start(&stage.ostrakon)?;
    stage.is_like_the_twin(&id).await
}
