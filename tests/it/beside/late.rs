//! Rows that are committed late, behind a run's cursor, and rows that the server deletes before the
//! run reaches them.

use serde_json::json;

use super::*;

/// Deletes a row; returns what it held.
async fn take_out(fixture: &Fixture, table: &str, id: &str) -> Result<Value> {
    let statement = format!("delete from {table} t where t.id::text = $1 returning to_jsonb(t)");
    let statement = testkit::put_together(statement);
    Ok(sqlx::query_scalar(statement).bind(id).fetch_one(&fixture.pool()).await?)
}

/// Inserts the row again, in a transaction of the server.
async fn put_back(request: &mut PgTransaction<'static>, table: &str, row: &Value) -> Result<()> {
    let statement =
        format!("insert into {table} select * from jsonb_populate_record(null::{table}, $1)");
    sqlx::query(testkit::put_together(statement)).bind(row).execute(&mut **request).await?;
    Ok(())
}

/// Reads the figures of a successful run.
fn figures(done: &Done) -> Result<[i64; 3]> {
    ensure!(done.code == 0, "{done:?}");
    let run: Value = serde_json::from_str(&done.stdout)?;
    let figure = |name: &str| run[name].as_i64().with_context(|| format!("{name} of {run}"));
    Ok([figure("planned")?, figure("total")?, figure("done")?])
}

async fn count(fixture: &Fixture, statement: &'static str) -> Result<i64> {
    Ok(sqlx::query_scalar(statement).fetch_one(&fixture.pool()).await?)
}

/// Runs a command on alice and blocks it at her post. Meanwhile an older like of hers is committed
/// behind it.
async fn with_a_late_like(fixture: &Fixture, alice: &Account, command: &str) -> Result<Done> {
    let bob = fixture.world.local("bob").await?;
    let liked = bob.posts("hello").create().await?;
    let like = alice.likes(&liked).await?;
    let post = alice.posts("hello bob").create().await?;
    let like = take_out(fixture, "activities", &like.to_string()).await?;

    let mut late = fixture.request().await?;
    put_back(&mut late, "activities", &like).await?;
    let held = fixture.hold_object(post.object_row).await?;
    let command = fixture.begin(&format!("{command} alice --yes --inline --json"))?;
    fixture.stuck().await?;
    late.commit().await?;
    held.rollback().await?;
    Fixture::end(command)
}

#[tokio::test]
async fn a_like_that_is_committed_behind_the_run_is_taken_back_as_well() -> Result<()> {
    for flavour in Flavour::ALL {
        let fixture = Fixture::with_long_lock_waits(flavour).await?;
        let alice = fixture.world.local("alice").await?;
        let done = with_a_late_like(&fixture, &alice, "user delete_activities").await?;
        ensure!(figures(&done)? == [1, 2, 2], "{flavour}");
        let left = "select count(*) from activities a join users u on u.ap_id = a.actor
                    where u.nickname = 'alice' and a.data ->> 'type' in ('Create', 'Like')";
        ensure!(count(&fixture, left).await? == 0, "{flavour}");
        let lists = "select count(*) from objects where data -> 'likes' <> '[]'";
        ensure!(count(&fixture, lists).await? == 0, "{flavour}");
        let reported = "select count(*) from ostrakon.run_events where event = 'set_back'";
        ensure!(count(&fixture, reported).await? == 1, "{flavour}");
    }
    Ok(())
}

#[tokio::test]
async fn a_relation_that_is_accepted_between_two_steps_of_a_removal_ends_as_well() -> Result<()> {
    for flavour in Flavour::ALL {
        let fixture = Fixture::with_long_lock_waits(flavour).await?;
        let alice = fixture.world.local("alice").await?;
        let bob = fixture.world.local("bob").await?;
        alice.requests_to_follow(&bob).await?;
        let mut accepting = fixture.request().await?;
        sqlx::query("update following_relationships set state = 2 where follower_id = $1")
            .bind(alice.id())
            .execute(&mut *accepting)
            .await?;
        let command = fixture.begin("user rm alice --yes --inline --json")?;
        fixture.stuck().await?;
        accepting.commit().await?;
        let [_, total, done] = figures(&Fixture::end(command)?)?;
        ensure!(done == total, "{flavour}: {done} of {total}");
        let left = "select count(*) from following_relationships";
        ensure!(count(&fixture, left).await? == 0, "{flavour}");
        ensure!(bob.column("follower_count").await? == json!(0), "{flavour}");
    }
    Ok(())
}

#[tokio::test]
async fn what_an_account_whose_row_goes_has_written_late_goes_before_the_row() -> Result<()> {
    let fixture = Fixture::with_long_lock_waits(Flavour::Pleroma).await?;
    let alice = fixture.world.local("alice").await?;
    sqlx::raw_sql("update users set is_confirmed = false where nickname = 'alice'")
        .execute(&fixture.pool())
        .await?;
    let done = with_a_late_like(&fixture, &alice, "user rm").await?;
    ensure!(done.code == 0, "{done:?}");
    let rows = "select count(*) from users where nickname = 'alice'";
    ensure!(count(&fixture, rows).await? == 0);
    let orphans = "select count(*) from activities where data ->> 'type' = 'Like'";
    ensure!(count(&fixture, orphans).await? == 0, "a like of somebody who is not there any more");
    Ok(())
}

#[tokio::test]
async fn what_the_server_has_deleted_before_its_turn_is_reported() -> Result<()> {
    let fixture = Fixture::with_long_lock_waits(Flavour::Pleroma).await?;
    let alice = fixture.world.local("alice").await?;
    alice.posts("one").create().await?;
    let deleted = alice.posts("two").create().await?;
    let mut deleting = fixture.hold_object(deleted.object_row).await?;
    let command = fixture.begin("user delete_activities alice --yes --inline --json")?;
    fixture.stuck().await?;
    sqlx::query("delete from activities where id = $1")
        .bind(deleted.activity)
        .execute(&mut *deleting)
        .await?;
    sqlx::query("update objects set data = jsonb_build_object('id', data -> 'id', 'type', 'Tombstone') where id = $1")
        .bind(deleted.object_row)
        .execute(&mut *deleting)
        .await?;
    deleting.commit().await?;

    let done = Fixture::end(command)?;
    ensure!(figures(&done)? == [2, 1, 1], "{done:?}");
    let reported = "2 items were planned, others had removed 1 of them by then";
    ensure!(done.stderr.contains(reported), "{done:?}");
    let run: Value = serde_json::from_str(&done.stdout)?;
    let shown =
        fixture.ostrakon.run(&["runs", "show", run["run_id"].as_str().context("no id")?])?;
    for line in ["Done         1 of 1\n", &format!("Meanwhile    {reported}\n")] {
        ensure!(shown.stdout.contains(line), "{shown:?}");
    }
    Ok(())
}

#[tokio::test]
async fn an_account_that_is_committed_behind_the_run_is_confirmed_as_well() -> Result<()> {
    for flavour in Flavour::ALL {
        let fixture = Fixture::with_long_lock_waits(flavour).await?;
        let early = fixture.world.local("early").await?;
        let other = fixture.world.local("other").await?;
        let (unconfirm, unconfirmed) = if flavour == Flavour::Pleroma22 {
            (
                "update users set confirmation_pending = true",
                "select count(*) from users where confirmation_pending",
            )
        } else {
            (
                "update users set is_confirmed = false",
                "select count(*) from users where not is_confirmed",
            )
        };
        sqlx::raw_sql(unconfirm).execute(&fixture.pool()).await?;
        let row = take_out(&fixture, "users", &early.id().to_string()).await?;
        let mut late = fixture.request().await?;
        put_back(&mut late, "users", &row).await?;
        let mut held = fixture.request().await?;
        sqlx::query("select from users where id = $1 for update")
            .bind(other.id())
            .execute(&mut *held)
            .await?;
        let begun = fixture.begin("user confirm_all --yes --inline --json")?;
        fixture.stuck().await?;
        late.commit().await?;
        held.rollback().await?;

        ensure!(figures(&Fixture::end(begun)?)? == [1, 2, 2], "{flavour}");
        ensure!(count(&fixture, unconfirmed).await? == 0, "{flavour}");
    }
    Ok(())
}
