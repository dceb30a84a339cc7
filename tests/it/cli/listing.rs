//! `runs list`, `runs show`, and ids that name no run.

use anyhow::Result;
use testkit::Flavour;

use super::{Fixture, redacted};

/// A server with a run in each of three states.
async fn fixture() -> Result<Fixture> {
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    let alice = fixture.world.local("alice").await?;
    alice.posts("hello").create().await?;
    fixture.world.local("bob").await?;
    fixture.world.remote("mallory", "spam.example").await?;
    fixture.run("user deactivate bob --inline --reason spam")?;
    fixture.queue("user delete_activities alice --yes")?;
    let id = fixture.queue("user deactivate_all_from_instance spam.example --yes")?;
    fixture.run(&format!("runs cancel {id}"))?;
    Ok(fixture)
}

#[tokio::test]
async fn runs_are_listed_newest_first_and_filtered() -> Result<()> {
    let _redacted = redacted();
    let fixture = fixture().await?;
    insta::assert_snapshot!(fixture.refused("runs list").await?.transcript(), @"
    out| RUN                         JOB                  SUBJECT       STATUS     DONE  TOTAL  PARKED  CREATED
    out| <run>  deactivate_instance  spam.example  cancelled  0     1      0       <time> UTC
    out| <run>  delete_activities    alice         queued     0     1      0       <time> UTC
    out| <run>  deactivate_user      bob           succeeded  1     1      0       <time> UTC
    exit 0
    ");
    let subjects = |line: &str| -> Result<Vec<String>> {
        let done = fixture.run(line)?;
        let rows = done.stdout.lines().skip(1);
        Ok(rows.filter_map(|row| row.split_whitespace().nth(2)).map(str::to_owned).collect())
    };
    assert_eq!(subjects("runs list --limit 2")?, ["spam.example", "alice"]);
    assert_eq!(subjects("runs list --status queued")?, ["alice"]);
    assert_eq!(subjects("runs list --status succeeded")?, ["bob"]);
    assert_eq!(subjects("runs list --job deactivate_instance")?, ["spam.example"]);
    assert_eq!(subjects("runs list --job deactivate_instance --status queued")?, [""; 0]);
    let mut reported = String::new();
    for line in ["--status done", "--job delete", "--limit 0", "--limit many"] {
        reported += &fixture.refused(&format!("runs list {line}")).await?.transcript();
    }
    insta::assert_snapshot!(reported, @"
    err| error: invalid value 'done' for '--status <STATUS>'
    err|   [possible values: queued, running, paused, succeeded, incomplete, failed, cancelled]
    err| 
    err| For more information, try '--help'.
    exit 2
    err| error: invalid value 'delete' for '--job <JOB>'
    err|   [possible values: delete_activities, delete_user, activate_user, deactivate_user, deactivate_instance, confirm_all, unconfirm_all, repair_counters, prune_activities, prune_objects, purge_instance]
    err| 
    err|   tip: a similar value exists: 'delete_user'
    err| 
    err| For more information, try '--help'.
    exit 2
    err| error: invalid value '0' for '--limit <N>': 0 is not in 1..=100000
    err| 
    err| For more information, try '--help'.
    exit 2
    err| error: invalid value 'many' for '--limit <N>': invalid digit found in string
    err| 
    err| For more information, try '--help'.
    exit 2
    ");
    Ok(())
}

#[tokio::test]
async fn a_run_tells_its_story() -> Result<()> {
    let _redacted = redacted();
    let fixture = fixture().await?;
    let ledger = fixture.ledger().await?;
    let mut reported = String::new();
    for run in ledger.iter().filter(|row| row["dedupe_key"].is_string()) {
        let id = run["id"].as_str().unwrap_or_default();
        // Ids are accepted in any case.
        let line = format!("runs show {}", id.to_lowercase());
        reported += &fixture.refused(&line).await?.transcript();
    }
    insta::assert_snapshot!(reported, @"
    out| Run          <run>
    out| Job          deactivate_user bob
    out| Status       succeeded
    out| Plan         1 account, 0 follow relations
    out| Done         1 of 1
    out| Asked by     tester@<machine> (database role ostrakon_least)
    out| Reason       spam
    out| Created      <time> UTC
    out| Started      <time> UTC
    out| Finished     <time> UTC
    out| History:
    out|   <time> queued by tester@<machine> (reason spam, total 1)
    out|   <time> started by <worker> (fence 1)
    out|   <time> planned by <worker> (total 1)
    out|   <time> succeeded by <worker> (done 1, parked 0, total 1)
    exit 0
    out| Run          <run>
    out| Job          delete_activities alice
    out| Status       queued
    out| Plan         1 post, 0 likes, 0 boosts
    out| Done         0 of 1
    out| Asked by     tester@<machine> (database role ostrakon_least)
    out| Created      <time> UTC
    out| History:
    out|   <time> queued by tester@<machine> (total 1)
    exit 0
    out| Run          <run>
    out| Job          deactivate_instance spam.example
    out| Status       cancelled
    out| Plan         1 account, 0 follow relations, 0 relations of local followers, 0 account reloads
    out| Done         0 of 1
    out| Asked by     tester@<machine> (database role ostrakon_least)
    out| Created      <time> UTC
    out| Finished     <time> UTC
    out| History:
    out|   <time> queued by tester@<machine> (total 1)
    out|   <time> cancelled by tester@<machine>
    exit 0
    ");
    Ok(())
}

#[tokio::test]
async fn an_id_that_names_no_run() -> Result<()> {
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    for verb in ["show", "watch", "pause", "resume", "cancel", "retry"] {
        let done = fixture.run(&format!("jobs {verb} 01ARZ3NDEKTSV4RRFFQ69G5FAV"))?;
        assert_eq!(
            (done.stdout.as_str(), done.stderr.as_str(), done.code),
            (
                "",
                "No run or group 01ARZ3NDEKTSV4RRFFQ69G5FAV; list them with: ostrakon runs list\n",
                3
            ),
            "{verb}"
        );
        for id in ["7", "01ARZ3NDEKTSV4RRFFQ69G5FAVX", "01ARZ3NDEKTSV4RRFFQ69G5FA!"] {
            let done = fixture.run(&format!("jobs {verb} {id}"))?;
            assert_eq!((done.stdout.as_str(), done.code), ("", 2), "{verb} {id}: {done:?}");
            assert!(done.stderr.contains("see: ostrakon runs list"), "{verb} {id}: {done:?}");
        }
    }
    assert_eq!(fixture.ledger().await?, [serde_json::Value::Null; 0]);
    Ok(())
}

#[tokio::test]
async fn texts_of_strangers_cannot_command_a_terminal() -> Result<()> {
    let _redacted = redacted();
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    fixture.world.local("alice").await?.posts("hello").create().await?;
    let id = fixture.queue("user delete_activities alice --yes")?;
    sqlx::query("insert into ostrakon.parked_items (run_id, item, reason) values ($1, $2, $3)")
        .bind(&id)
        .bind("https://evil.example/\u{1b}[2J")
        .bind("nothing\nStatus       succeeded")
        .execute(&fixture.database.pool())
        .await?;
    let done = fixture.refused(&format!("runs show {id}")).await?;
    let parked: Vec<&str> =
        done.stdout.lines().skip_while(|line| *line != "Parked items:").skip(1).take(1).collect();
    assert_eq!(parked, ["  https://evil.example/\u{fffd}[2J: nothing Status       succeeded"]);
    Ok(())
}
