//! A run that waits for the server gives its worker back.

use anyhow::{Result, ensure};
use testkit::{Database, Done, Flavour, World};

use super::{
    process::Worker,
    stage::{Stage, eventually},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_waits_without_a_worker_and_goes_on_by_itself() -> Result<()> {
    let database = Database::create(Flavour::Pleroma).await?;
    let world = World::new(&database);
    let alice = world.local("alice").await?;
    world.remote("carl", "far.example").await?.follows(&alice).await?;
    let stage = Stage::empty(database).await?;
    sqlx::raw_sql("update users set is_confirmed = false where nickname = 'alice'")
        .execute(&stage.pool)
        .await?;
    let mut worker = Worker::start(&stage.with("OSTRAKON_WORKER_CONCURRENCY", "1"))?;
    let removal = stage.begin(&["user", "rm", "alice", "--yes", "--wait"])?;
    worker.expect("will continue later: it waits for the server to deliver")?;
    let id: String =
        sqlx::query_scalar("select id from ostrakon.runs").fetch_one(&stage.pool).await?;
    let shown = stage.ostrakon.run(&["runs", "show", &id])?.stdout;
    ensure!(shown.contains("Step         deliveries"), "{shown}");

    // Its slot, the only one for long jobs, is free: another run is done meanwhile.
    world.local("bob").await?.posts("hello").create().await?;
    let done = stage.ostrakon.run(&["user", "delete_activities", "bob", "--yes", "--wait"])?;
    ensure!(done.code == 0, "{done:?}");
    let there = "select exists (select from users where nickname = 'alice')";
    ensure!(sqlx::query_scalar::<_, bool>(there).fetch_one(&stage.pool).await?);

    sqlx::raw_sql("update oban_jobs set state = 'completed'").execute(&stage.pool).await?;
    // Then the server is to forget the account, and does.
    eventually("the server to be asked", async || {
        let forgets = "update oban_jobs set state = 'completed'
                       where args ->> 'op' = 'delete_user' and state = 'available'";
        let asked = sqlx::raw_sql(forgets).execute(&stage.pool).await?.rows_affected();
        Ok((asked > 0).then_some(()))
    })
    .await?;
    eventually("the row to go", async || {
        let there: bool = sqlx::query_scalar(there).fetch_one(&stage.pool).await?;
        Ok((!there).then_some(()))
    })
    .await?;
    let done = Done::from(removal.wait_with_output()?);
    ensure!(done.code == 0 && done.stdout.ends_with("User alice deleted.\n"), "{done:?}");
    let (attempt, crashes): (i32, i32) =
        sqlx::query_as("select attempt, crashes from ostrakon.runs where job = 'delete_user'")
            .fetch_one(&stage.pool)
            .await?;
    ensure!((attempt, crashes) == (0, 0));
    worker.stop()?;
    Ok(())
}
