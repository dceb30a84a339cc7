//! What a running server's cache holds of a removed account.

use anyhow::Result;
use serde_json::{Value, json};
use testkit::{Flavour, flake_text};

use super::Removal;

/// Jobs for the server, oldest first.
async fn jobs(fixture: &Removal) -> Result<Vec<Value>> {
    let jobs = sqlx::query_scalar(
        "select jsonb_build_array(queue, worker, max_attempts, state, args) from oban_jobs order by id",
    );
    Ok(jobs.fetch_all(&fixture.database.pool()).await?)
}

fn is(job: &Value, op: &str) -> bool {
    job[4]["op"] == op
}

#[tokio::test]
async fn akkoma_removes_it_when_nothing_else_is_left_to_do() -> Result<()> {
    for flavour in Flavour::ALL {
        let fixture = Removal::new(flavour).await?;
        let bob = fixture.world.local("bob").await?;
        fixture.world.remote("carl", "far.example").await?.follows(&fixture.alice).await?;
        bob.follows(&fixture.alice).await?;
        fixture.alice.follows(&bob).await?;
        fixture.alice.posts("hello").create().await?;
        for again in [false, true] {
            let done = fixture.run("user rm alice --yes --inline")?;
            assert_eq!(done.code, 0, "{flavour}: {done:?}");
            let noted = done.stderr.contains("a running server keeps showing");
            assert_eq!(noted, !again && flavour != Flavour::Pleroma, "{flavour}: {done:?}");
            let jobs = jobs(&fixture).await?;
            if flavour == Flavour::Akkoma {
                let args =
                    json!({ "op": "delete_user", "user_id": flake_text(fixture.alice.id()) });
                let worker = "Pleroma.Workers.BackgroundWorker";
                let expected = json!(["background", worker, 1, "available", args]);
                assert_eq!(jobs.last(), Some(&expected));
                assert_eq!(jobs.iter().filter(|job| is(job, "delete_user")).count(), 1);
                // It would put the old profile into the server's cache again.
                assert!(!jobs.iter().any(|job| is(job, "user_activation")));
            } else {
                assert!(!jobs.iter().any(|job| is(job, "delete_user")), "{flavour}");
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn nobody_is_asked_when_the_server_shall_not_be_informed() -> Result<()> {
    let fixture = Removal::new(Flavour::Akkoma).await?;
    let ostrakon = fixture.ostrakon.clone().with("OSTRAKON_SERVER_REFRESH", "off");
    let done = ostrakon.run(&["user", "rm", "alice", "--yes", "--inline"])?;
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.stderr.contains("until it restarts, because server.refresh is off"), "{done:?}");
    assert!(!jobs(&fixture).await?.iter().any(|job| is(job, "delete_user")));
    Ok(())
}

#[tokio::test]
async fn pleroma_2_1_names_its_columns_otherwise() -> Result<()> {
    let fixture = Removal::new(Flavour::Pleroma22).await?;
    fixture
        .sql("alter table users rename is_locked to locked; update users set locked = true")
        .await?;
    testkit::Ostrakon::renew_least_rights(&fixture.database).await?;
    let done = fixture.run("user rm alice --yes --inline")?;
    assert_eq!((done.stdout.as_str(), done.code), ("User alice deleted.\n", 0), "{done:?}");
    let row = fixture.alice_row().await?;
    assert_eq!((&row["locked"], &row["deactivated"]), (&json!(false), &json!(true)));
    Ok(())
}
