//! PostgreSQL runs out of time, connections or disk, refuses a row, or cuts what is not a batch.

use std::collections::HashSet;

use anyhow::{Result, ensure};
use sqlx::PgPool;
use testkit::put_together;

use super::{
    history::TOTAL,
    process::Worker,
    stage::{Stage, eventually},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_takes_too_long_is_done_again() -> Result<()> {
    let stage = Stage::new().await?;
    let held = stage.hold(12).await?;
    let mut worker = Worker::start(&stage.with("OSTRAKON_BATCH_STATEMENT_TIMEOUT", "2s"))?;
    let id = stage.queue_alice()?;
    let line = worker.expect("A batch was undone and is tried again")?;
    ensure!(line["error"].to_string().contains("statement timeout"), "{line}");
    held.rollback().await?;
    stage.went_straight(&id).await
}

/// A role of which the server can be told to let no more in; superusers are always let in.
struct Guest {
    name: String,
    pool: PgPool,
}

impl Guest {
    async fn invite(stage: &Stage) -> Result<Self> {
        let name = format!("guest_{}", uuid::Uuid::new_v4().simple());
        let guest = Self { name, pool: stage.pool.clone() };
        guest.sql("create role GUEST login in role pg_read_all_data, pg_write_all_data").await?;
        Ok(guest)
    }

    /// Gives a URL by which the guest comes.
    fn url(&self, stage: &Stage) -> Result<String> {
        let mut url: url::Url = stage.url().parse()?;
        ensure!(url.set_username(&self.name).is_ok(), "{url}");
        Ok(url.into())
    }

    /// Cuts all connections of the guest and lets nobody in again.
    async fn lock_out(&self) -> Result<()> {
        self.sql("alter role GUEST connection limit 0").await?;
        self.sql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'GUEST'")
            .await
    }

    async fn let_in(&self) -> Result<()> {
        self.sql("alter role GUEST connection limit -1").await
    }

    async fn sql(&self, statement: &str) -> Result<()> {
        let statement = statement.replace("GUEST", &self.name);
        sqlx::raw_sql(put_together(statement)).execute(&self.pool).await?;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_outlives_the_want_of_connections() -> Result<()> {
    let stage = Stage::new().await?;
    let guest = Guest::invite(&stage).await?;
    let ostrakon = stage
        .with_short_leases()
        .with("OSTRAKON_DATABASE_URL", guest.url(&stage)?)
        .with("OSTRAKON_DATABASE_CONNECT_TIMEOUT", "500ms");
    let held = stage.hold(12).await?;
    let mut worker = Worker::start(&ostrakon)?;
    let id = stage.queue_alice()?;
    stage.stuck().await?;
    guest.lock_out().await?;
    worker.expect("The run is left to its lease")?;

    // Whoever starts now is told what is missing.
    let refused = ostrakon.run(&["worker"])?;
    ensure!(refused.code == 8 && refused.stderr.contains("has no connection free"), "{refused:?}");

    held.rollback().await?;
    guest.let_in().await?;
    let again = worker.expect("Working on delete_activities alice")?;
    ensure!(again["run_id"] == id && again["fence"] == 2, "{again}");
    stage.is_like_the_twin(&id).await?;
    let run = stage.run(&id).await?;
    ensure!((run.attempt, run.crashes) == (0, 0), "{run:?}");
    worker.stop()?;
    guest.sql("drop role GUEST").await
}

/// Lets every deletion of a post fail for a reason.
async fn spoil(stage: &Stage, errcode: &str, only: &str) -> Result<()> {
    let statement = format!(
        "create function ostrakon.spoil() returns trigger language plpgsql as
           $$ begin raise exception 'as the test asked' using errcode = '{errcode}'; end $$;
         create trigger spoil before update or delete on objects for each row
           when ({only}) execute function ostrakon.spoil()"
    );
    sqlx::raw_sql(put_together(statement)).execute(&stage.pool).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_parks_no_row() -> Result<()> {
    let stage = Stage::new().await?;
    spoil(&stage, "53100", "true").await?;
    let mut worker = Worker::start(&stage.ostrakon)?;
    let id = stage.queue_alice()?;
    let line = worker.expect("delete_activities alice will be retried")?;
    ensure!(line["error"].to_string().contains("as the test asked"), "{line}");
    let run = stage.run(&id).await?;
    let stands = (run.status.as_str(), run.done, run.parked, run.attempt);
    ensure!(stands == ("queued", 0, 0, 1), "{run:?}");
    sqlx::raw_sql("drop trigger spoil on objects").execute(&stage.pool).await?;
    // Time passes.
    let due = "update ostrakon.runs set available_at = clock_timestamp() where id = $1";
    sqlx::query(due).bind(&id).execute(&stage.pool).await?;
    stage.is_like_the_twin(&id).await?;
    ensure!(stage.run(&id).await?.attempt == 0, "progress resets the count");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_cannot_be_done_is_parked_and_the_rest_is_done() -> Result<()> {
    let stage = Stage::new().await?;
    // A constraint of the data: no repetition helps.
    spoil(&stage, "23514", "old.data ->> 'content' like 'number 12 %'").await?;
    let mut worker = Worker::start(&stage.ostrakon)?;
    let id = stage.queue_alice()?;
    let run = stage.reaches(&id, "incomplete").await?;
    ensure!((run.done, run.parked, run.attempt) == (TOTAL - 1, 1, 0), "{run:?}");
    let parked: Vec<(String, String, Option<String>)> = sqlx::query_as(
        "select item, reason, sqlstate from ostrakon.parked_items where run_id = $1",
    )
    .bind(&id)
    .fetch_all(&stage.pool)
    .await?;
    let [(item, reason, sqlstate)] = parked.as_slice() else { anyhow::bail!("{parked:?}") };
    ensure!(reason.contains("as the test asked"), "{reason}");
    ensure!(sqlstate.as_deref() == Some("23514"), "{sqlstate:?}");
    let line = worker.expect("An item is parked")?;
    ensure!(line["item"] == *item && line["run_id"] == id, "{line}");
    // It, and nothing else of alice's, is left.
    let left: Vec<(String, String)> = sqlx::query_as(
        "select activity.data ->> 'id', split_part(object.data ->> 'content', ' <', 1) from activities activity
         join objects object on object.data ->> 'id' = activity.data ->> 'object'
         where activity.data ->> 'type' = 'Create' and activity.actor like '%/users/alice'
           and object.data ->> 'type' = 'Note'",
    )
    .fetch_all(&stage.pool)
    .await?;
    ensure!(left == [(item.clone(), "number 12".to_owned())], "{left:?}");
    ensure!(stage.ostrakon.run(&["runs", "watch", &id])?.code == 6);
    Ok(())
}

/// The backends of the worker that do no batch: lease, reconciler, idle ones.
async fn beside_the_work(pool: &PgPool) -> Result<HashSet<i32>> {
    let statement = "select pid from pg_stat_activity where datname = current_database()
                     and application_name = 'ostrakon'";
    Ok(sqlx::query_scalar(statement).fetch_all(pool).await?.into_iter().collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn cutting_the_connections_beside_the_work_costs_nothing() -> Result<()> {
    let stage = Stage::new().await?;
    let held = stage.hold(12).await?;
    let worker = Worker::start(&stage.with_short_leases())?;
    let id = stage.queue_alice()?;
    stage.stuck().await?;
    let mut cut = HashSet::new();
    for _ in 0..5 {
        let fresh = eventually("a new connection for lease and reconciler", async || {
            let fresh: HashSet<_> = &beside_the_work(&stage.pool).await? - &cut;
            Ok((!fresh.is_empty()).then_some(fresh))
        })
        .await?;
        let pids: Vec<i32> = fresh.iter().copied().collect();
        sqlx::query("select pg_terminate_backend(pid) from unnest($1) pid")
            .bind(pids)
            .execute(&stage.pool)
            .await?;
        cut.extend(fresh);
    }
    held.rollback().await?;
    stage.went_straight(&id).await?;
    stage.next_is_done().await?;
    // Each time others came in their place. One that nobody was using is replaced without a word.
    ensure!(cut.len() >= 5, "{cut:?}");
    let reported = worker.stop()?;
    ensure!(reported.iter().all(|line| line["level"] != "ERROR"), "{reported:#?}");
    Ok(())
}
