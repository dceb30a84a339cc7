//! One bad row among many.

use anyhow::Result;
use serde_json::{Value, json};
use testkit::{Flavour, PUBLIC, Post};

use super::{FLAVOURS, Fixture, redacted};

/// Makes the server's trigger fail on a post: the public address is one of the recipients, but is
/// in neither `to` nor `cc`.
async fn make_unknown(fixture: &Fixture, post: &Post) -> Result<()> {
    // The trigger would fail on this statement as well.
    let mut tx = fixture.database.pool().begin().await?;
    sqlx::query("set local session_replication_role = replica").execute(&mut *tx).await?;
    sqlx::query(
        "update activities set recipients = array[$2],
             data = data || '{\"to\": [], \"cc\": []}' where id = $1",
    )
    .bind(post.activity)
    .bind(PUBLIC)
    .execute(&mut *tx)
    .await?;
    Ok(tx.commit().await?)
}

fn creates<'r>(rows: &'r [Value], actor: &str) -> Vec<&'r Value> {
    rows.iter().filter(|row| row["data"]["type"] == "Create" && row["actor"] == actor).collect()
}

#[tokio::test]
async fn one_bad_post_among_three_hundred_is_left_and_named() -> Result<()> {
    let _redacted = redacted();
    let mut fixture = Fixture::new(Flavour::Pleroma).await?;
    fixture.ostrakon = fixture.ostrakon.with("OSTRAKON_FEDERATION_PER_SECOND", "1000000");
    let alice = fixture.world.local("alice").await?;
    let mut bad = None;
    for number in 0..301 {
        let post = alice.posts("hello").create().await?;
        if number == 137 {
            bad = Some(post);
        }
    }
    let bad = bad.ok_or_else(|| anyhow::anyhow!("no post"))?;
    make_unknown(&fixture, &bad).await?;

    let done = fixture.run("user delete_activities alice --yes --inline")?;
    assert_eq!(done.code, 6, "{done:?}");
    insta::assert_snapshot!(done.transcript(), @r#"
    err| <time>  WARN An item is parked run_id="<run>" item="https://peer.example/activities/2aadb985-3aa5-44a4-904a-13e3eb2ccd3e" reason="PostgreSQL said: column \"unknown\" does not exist (in PL/pgSQL function update_status_visibility_counter_cache() line 40 at EXECUTE)"
    err| error: run <run> is incomplete: 300 of 301 items done, 1 parked; see: ostrakon runs show <run>
    err| Fix the causes, then: ostrakon runs retry <run>
    exit 6
    "#);
    let (state, ledger) = fixture.rows().await?;
    let left = creates(state.rows("activities"), alice.ap_id());
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["id"], bad.activity.to_string());
    let objects = state.rows("objects");
    let posts = objects.iter().filter(|row| row["data"]["type"] == "Note");
    assert_eq!(posts.map(|row| &row["id"]).collect::<Vec<_>>(), [bad.object_row]);
    let deletes =
        state.rows("activities").iter().filter(|row| row["data"]["type"] == "Delete").count();
    assert_eq!(deletes, 300);

    let run = &ledger[0];
    let figures = ["status", "total", "done", "parked"].map(|key| run[key].to_string());
    assert_eq!(figures, ["\"incomplete\"", "301", "300", "1"]);
    let id = run["id"].as_str().unwrap_or_default();
    let shown = fixture.run(&format!("runs show {id}"))?;
    let name = left[0]["data"]["id"].as_str().unwrap_or_default();
    insta::assert_snapshot!(shown.transcript().replace(name, "<activity>"), @r#"
    out| Run          <run>
    out| Job          delete_activities alice
    out| Status       incomplete
    out| Plan         301 posts, 0 likes, 0 boosts
    out| Done         300 of 301, 1 parked
    out| Asked by     tester@<machine> (database role ostrakon_least)
    out| Created      <time> UTC
    out| Started      <time> UTC
    out| Finished     <time> UTC
    out| Parked items:
    out|   <activity>: PostgreSQL said: column "unknown" does not exist (in PL/pgSQL function update_status_visibility_counter_cache() line 40 at EXECUTE) [42703]
    out| History:
    out|   <time> queued by tester@<machine> (total 301)
    out|   <time> started by <worker> (fence 1)
    out|   <time> planned by <worker> (total 301)
    out|   <time> incomplete by <worker> (done 300, parked 1, total 301)
    exit 0
    "#);
    assert_eq!(fixture.run(&format!("runs watch {id}"))?.code, 6);
    Ok(())
}

#[tokio::test]
async fn what_the_server_would_not_delete_stays() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = Fixture::new(flavour).await?;
        let alice = fixture.world.local("alice").await?;
        alice.posts("before").create().await?;
        let image = alice.posts("image").create().await?;
        alice.posts("after").create().await?;
        sqlx::query("update objects set data = data || '{\"type\": \"Image\"}' where id = $1")
            .bind(image.object_row)
            .execute(&fixture.database.pool())
            .await?;
        let (code, run) = fixture.json("user delete_activities alice --yes --inline")?;
        assert_eq!((code, &run["done"], &run["parked"]), (6, &2.into(), &1.into()), "{flavour}");
        let (state, ledger) = fixture.rows().await?;
        let left = creates(state.rows("activities"), alice.ap_id());
        assert_eq!(left.len(), 1, "{flavour}");
        let parked = ledger.iter().find(|row| row["item"].is_string());
        let parked = parked.ok_or_else(|| anyhow::anyhow!("nothing parked"))?;
        assert_eq!(parked["item"], left[0]["data"]["id"], "{flavour}");
        assert_eq!(
            parked["reason"], "the server does not let objects of type \"Image\" be deleted",
            "{flavour}"
        );
        // A second request finds the same item, and reports it again.
        let (code, run) = fixture.json("user delete_activities alice --yes --inline")?;
        assert_eq!((code, &run["total"], &run["parked"]), (1, &1.into(), &1.into()), "{flavour}");
        assert_eq!(run["status"], "failed", "{flavour}: nothing was done");
    }
    Ok(())
}

/// A foreign trigger that refuses every job for the server.
const REFUSES_ALL: &str = "
    create function boom() returns trigger language plpgsql
        as $$ begin raise exception 'demo: refused'; end $$;
    create trigger boom before insert on oban_jobs for each row execute function boom()";

#[tokio::test]
async fn a_run_that_did_nothing_has_failed_and_a_retry_does_all() -> Result<()> {
    let _redacted = redacted();
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    let alice = fixture.world.local("alice").await?;
    for _ in 0..9 {
        alice.posts("hello").create().await?;
    }
    let before = fixture.rows().await?.0;
    fixture.sql(REFUSES_ALL).await?;
    let done = fixture.run("user delete_activities alice --yes --inline --quiet")?;
    let errors: Vec<&str> =
        done.stderr.lines().filter(|line| !line.contains("An item is parked")).collect();
    insta::assert_snapshot!(format!("{}{}", done.stdout, errors.join("\n")), @"
    error: run <run> has failed: nothing could be done: all 9 items are parked, each with its reason
    0 of 9 items done, 9 parked; what was committed stays. Fix the cause, then retry what is left, parked items included: ostrakon runs retry <run>
    ");
    assert_eq!(done.code, 1);
    assert!(fixture.rows().await?.0 == before, "rows changed");
    let ledger = fixture.ledger().await?;
    let id = ledger[0]["id"].as_str().unwrap_or_default();
    assert_eq!(ledger[0]["status"], "failed");
    let shown = fixture.run(&format!("runs show {id}"))?.stdout;
    assert!(shown.contains("Done         0 of 9, 9 parked\n"), "{shown}");
    assert_eq!(fixture.run(&format!("runs watch {id}"))?.code, 1);

    fixture.sql("drop trigger boom on oban_jobs").await?;
    let retried = fixture.run(&format!("runs retry {id}"))?;
    assert!(retried.stdout.contains("parked items included (0 of 9 items done, 9 parked)"));
    let done = fixture.run("user delete_activities alice --yes --inline")?;
    assert_eq!((done.code, done.stdout.as_str()), (0, "User alice statuses deleted.\n"));
    let (state, ledger) = fixture.rows().await?;
    assert_eq!(creates(state.rows("activities"), alice.ap_id()).len(), 0);
    let figures = ["status", "total", "done", "parked"].map(|key| ledger[0][key].to_string());
    assert_eq!(figures, ["\"succeeded\"", "9", "9", "0"]);
    Ok(())
}

#[tokio::test]
async fn bad_posts_side_by_side_keep_nothing_behind_them() -> Result<()> {
    for (good, code, status) in [(5, 6, "incomplete"), (0, 1, "failed")] {
        let fixture = Fixture::new(Flavour::Pleroma).await?;
        let alice = fixture.world.local("alice").await?;
        for _ in 0..60 {
            make_unknown(&fixture, &alice.posts("hello").create().await?).await?;
        }
        for _ in 0..good {
            alice.posts("hello").create().await?;
        }
        let done = fixture.run("user delete_activities alice --yes --inline --quiet")?;
        assert_eq!((done.code, done.stdout.as_str()), (code, ""), "{done:?}");
        let (state, ledger) = fixture.rows().await?;
        assert_eq!(creates(state.rows("activities"), alice.ap_id()).len(), 60);
        let figures = ["status", "done", "parked"].map(|key| ledger[0][key].clone());
        assert_eq!(figures, [json!(status), json!(good), json!(60)]);
        let listed = ledger.iter().filter(|row| row["item"].is_string()).count();
        assert_eq!(listed, 60);
    }
    Ok(())
}
