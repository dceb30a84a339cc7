//! One bad row among many.

use anyhow::Result;
use serde_json::Value;
use testkit::{Flavour, PUBLIC, Post};

use super::{FLAVOURS, House, redacted};

/// Makes the server's trigger fail on a post: everybody is among the recipients and nowhere else.
async fn make_unknown(house: &House, post: &Post) -> Result<()> {
    // The trigger would fail on this statement as well.
    let mut tx = house.database.pool().begin().await?;
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
    let mut house = House::new(Flavour::Pleroma).await?;
    house.kenoma = house.kenoma.with("KENOMA_FEDERATION_PER_SECOND", "1000000");
    let alice = house.world.local("alice").await?;
    let mut bad = None;
    for number in 0..301 {
        let post = alice.posts("hello").create().await?;
        if number == 137 {
            bad = Some(post);
        }
    }
    let bad = bad.ok_or_else(|| anyhow::anyhow!("no post"))?;
    make_unknown(&house, &bad).await?;

    let done = house.run("user delete_activities alice --yes --inline")?;
    assert_eq!(done.code, 6, "{done:?}");
    insta::assert_snapshot!(done.transcript(), @r#"
    out| User alice statuses deleted.
    err| <time>  WARN An item is parked run_id="<run>" item="https://peer.example/activities/2aadb985-3aa5-44a4-904a-13e3eb2ccd3e" reason="PostgreSQL said: column \"unknown\" does not exist (in PL/pgSQL function update_status_visibility_counter_cache() line 40 at EXECUTE)"
    err| error: run <run> is done except for 1 item, parked with the reason; see: kenoma jobs show <run>
    exit 6
    "#);
    let (state, ledger) = house.rows().await?;
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
    assert_eq!(figures, ["\"succeeded\"", "301", "300", "1"]);
    let id = run["id"].as_str().unwrap_or_default();
    let shown = house.run(&format!("jobs show {id}"))?;
    let name = left[0]["data"]["id"].as_str().unwrap_or_default();
    insta::assert_snapshot!(shown.transcript().replace(name, "<activity>"), @r#"
    out| Run          <run>
    out| Job          delete_activities alice
    out| Status       succeeded
    out| Plan         301 posts, 0 likes, 0 boosts
    out| Done         300 of 301
    out| Parked       1
    out| Asked by     tester@<machine>
    out| Created      <time> UTC
    out| Started      <time> UTC
    out| Finished     <time> UTC
    out| Parked items:
    out|   <activity>: PostgreSQL said: column "unknown" does not exist (in PL/pgSQL function update_status_visibility_counter_cache() line 40 at EXECUTE) [42703]
    out| Story:
    out|   <time> queued by tester@<machine> (total 301)
    out|   <time> started by <worker> (fence 1)
    out|   <time> planned by <worker> (total 301)
    out|   <time> succeeded by <worker> (done 300, parked 1, total 301)
    exit 0
    "#);
    assert_eq!(house.run(&format!("jobs watch {id}"))?.code, 6);
    Ok(())
}

#[tokio::test]
async fn what_the_server_would_not_delete_stays() -> Result<()> {
    for flavour in FLAVOURS {
        let house = House::new(flavour).await?;
        let alice = house.world.local("alice").await?;
        alice.posts("before").create().await?;
        let image = alice.posts("image").create().await?;
        alice.posts("after").create().await?;
        sqlx::query("update objects set data = data || '{\"type\": \"Image\"}' where id = $1")
            .bind(image.object_row)
            .execute(&house.database.pool())
            .await?;
        let (code, run) = house.json("user delete_activities alice --yes --inline")?;
        assert_eq!((code, &run["done"], &run["parked"]), (6, &2.into(), &1.into()), "{flavour}");
        let (state, ledger) = house.rows().await?;
        let left = creates(state.rows("activities"), alice.ap_id());
        assert_eq!(left.len(), 1, "{flavour}");
        let parked = ledger.iter().find(|row| row["item"].is_string());
        let parked = parked.ok_or_else(|| anyhow::anyhow!("nothing parked"))?;
        assert_eq!(parked["item"], left[0]["data"]["id"], "{flavour}");
        assert_eq!(
            parked["reason"], "the server does not let objects of type \"Image\" be deleted",
            "{flavour}"
        );
        // Asking again finds the same item, and says so again.
        let (code, run) = house.json("user delete_activities alice --yes --inline")?;
        assert_eq!((code, &run["total"], &run["parked"]), (6, &1.into(), &1.into()), "{flavour}");
    }
    Ok(())
}
