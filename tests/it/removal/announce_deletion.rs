//! Other servers are notified, and a row that is to be deleted waits for that.

use std::process::Stdio;

use anyhow::{Context as _, Result};
use serde_json::json;
use sqlx::PgPool;
use testkit::{Flavour, flake_text};

use super::{Removal, inboxes};
use crate::worker::eventually;

#[tokio::test]
async fn each_reachable_inbox_of_followers_is_informed_once() -> Result<()> {
    for flavour in Flavour::ALL {
        let fixture = Removal::new(flavour).await?;
        let world = &fixture.world;
        for (nickname, host) in [
            ("carl", "far.example"),
            ("cleo", "far.example"),
            ("gil", "gone.example"),
            ("quin", "quarantined.example"),
            ("otto", "old.example"),
        ] {
            world.remote(nickname, host).await?.follows(&fixture.alice).await?;
        }
        let stranger = world.remote("sam", "stranger.example").await?;
        fixture.alice.follows(&stranger).await?;
        fixture
            .sql(
                "update users set shared_inbox = null where nickname = 'otto@old.example';
                 insert into instances (host, unreachable_since, inserted_at, updated_at) values
                   ('gone.example', timezone('UTC', now()) - interval '8 days', now(), now()),
                   ('old.example', '2026-01-02T03:04:05', now(), now());
                 update instances set unreachable_since = timezone('UTC', now()) - interval '1 day'
                 where host = 'old.example'",
            )
            .await?;
        let ostrakon = fixture
            .ostrakon
            .clone()
            .with("OSTRAKON_FEDERATION_QUARANTINED_INSTANCES", "Quarantined.example");
        let done = ostrakon.run(&["user", "rm", "alice", "--yes", "--inline"])?;
        assert_eq!(done.code, 0, "{flavour}: {done:?}");

        let deliveries = fixture.jobs("publish_one").await?;
        // The last inbox learns that alice no longer follows the account there.
        let expected = [
            "https://far.example/inbox",
            "https://old.example/users/otto/inbox",
            "https://stranger.example/users/sam/inbox",
        ];
        assert_eq!(inboxes(&deliveries), expected, "{flavour}");
        let since = |inbox: &str| {
            let delivery = deliveries.iter().find(|job| job["params"]["inbox"] == inbox);
            delivery.map(|job| job["params"]["unreachable_since"].clone())
        };
        assert_eq!(since(expected[0]), Some(json!(null)), "{flavour}");
        assert!(since(expected[1]).is_some_and(|since| since.is_string()), "{flavour}");
        // No job is left that would fail on the server.
        let publish = fixture.jobs("publish").await?;
        assert!(publish.is_empty(), "{flavour}: {publish:?}");
    }
    Ok(())
}

/// Turns the kit's schema into that of Pleroma 2.10.
const PLEROMA_2_10: &str =
    "create index activities_actor_type_index on activities (actor, (data ->> 'type'));
     insert into schema_migrations (version, inserted_at) values (20250314153704, now());";

#[tokio::test]
async fn pleroma_2_10_gets_no_deliveries_to_unreachable_hosts_and_attempts_others_more_often()
-> Result<()> {
    let fixture = Removal::new(Flavour::Pleroma).await?;
    fixture.sql(PLEROMA_2_10).await?;
    for (nickname, host) in [("carl", "far.example"), ("otto", "old.example")] {
        fixture.world.remote(nickname, host).await?.follows(&fixture.alice).await?;
    }
    fixture
        .sql(
            "insert into instances (host, unreachable_since, inserted_at, updated_at)
             values ('old.example', timezone('UTC', now()) - interval '1 minute', now(), now())",
        )
        .await?;
    let done = fixture.run("user rm alice --yes --inline")?;
    assert_eq!(done.code, 0, "{done:?}");
    let deliveries = fixture.jobs("publish_one").await?;
    assert_eq!(inboxes(&deliveries), ["https://far.example/inbox"]);
    let keys: Vec<&String> =
        deliveries[0]["params"].as_object().context("no parameters")?.keys().collect();
    assert_eq!(keys, ["activity_id", "inbox"], "{deliveries:?}");
    let attempts: Vec<i32> =
        sqlx::query_scalar("select max_attempts from oban_jobs where queue = 'federator_outgoing'")
            .fetch_all(&fixture.database.pool())
            .await?;
    assert_eq!(attempts, [13]);
    Ok(())
}

#[tokio::test]
async fn posts_are_delivered_only_when_asked_for() -> Result<()> {
    for flavour in Flavour::ALL {
        for (option, expected) in [("", 1), (" --federate-posts", 3)] {
            let fixture = Removal::new(flavour).await?;
            fixture.world.remote("carl", "far.example").await?.follows(&fixture.alice).await?;
            fixture.alice.posts("hello").public().create().await?;
            fixture.alice.posts("hello again").public().create().await?;
            fixture.alice.posts("only here").direct_to(&fixture.alice).create().await?;
            let done = fixture.run(&format!("user rm alice --yes --inline{option}"))?;
            assert_eq!(done.code, 0, "{flavour}: {done:?}");
            let deliveries = fixture.jobs("publish_one").await?;
            assert_eq!(
                inboxes(&deliveries),
                vec!["https://far.example/inbox"; expected],
                "{flavour}"
            );
            assert!(fixture.jobs("publish").await?.is_empty(), "{flavour}");
        }
    }
    Ok(())
}

/// Reads the status and the step of the only run, and whether it has no lease.
async fn standing(pool: &PgPool) -> Result<(String, Option<String>, bool)> {
    let standing = sqlx::query_as(
        "select status, cursor ->> 'step', lease_expires_at is null from ostrakon.runs",
    );
    Ok(standing.fetch_optional(pool).await?.unwrap_or_default())
}

#[tokio::test]
async fn a_row_goes_when_the_server_has_delivered_and_forgotten_it() -> Result<()> {
    for flavour in Flavour::ALL {
        let fixture = Removal::new(flavour).await?;
        fixture.never_confirmed().await?;
        fixture.world.remote("carl", "far.example").await?.follows(&fixture.alice).await?;
        let child = fixture
            .ostrakon
            .clone()
            .with("OSTRAKON_SERVER_PUBLISH_WAIT", "5m")
            .command(&["user", "rm", "alice", "--yes", "--inline"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let pool = fixture.database.pool();
        // The worker is free meanwhile, and no try is used up.
        eventually("the run to wait", async || {
            let (status, step, free) = standing(&pool).await?;
            Ok((status == "queued" && step.as_deref() == Some("deliveries") && free).then_some(()))
        })
        .await?;
        let row = fixture.alice_row().await?;
        assert_eq!(row["email"], json!(null), "{flavour}");
        if flavour != Flavour::Akkoma {
            assert!(row["keys"].is_string(), "{flavour}: the server has to sign with them");
        }
        let refreshes: Vec<_> = fixture
            .state()
            .await?
            .rows("oban_jobs")
            .iter()
            .filter(|job| job["args"]["user_id"] == flake_text(fixture.alice.id()))
            .cloned()
            .collect();
        assert_eq!(refreshes.is_empty(), flavour == Flavour::Akkoma, "{flavour}");
        fixture
            .sql("update oban_jobs set state = 'completed' where args ->> 'op' = 'publish_one'")
            .await?;
        let (status, ..) = standing(&pool).await?;
        assert_ne!(status, "succeeded", "{flavour}: the server still knows the account");
        fixture.sql("update oban_jobs set state = 'completed'").await?;
        if flavour != Flavour::Pleroma22 {
            eventually("the server to be asked", async || {
                let (status, step, free) = standing(&pool).await?;
                let asked = status == "queued" && step.as_deref() == Some("server_removal");
                Ok((asked && free).then_some(()))
            })
            .await?;
            assert_eq!(fixture.jobs("delete_user").await?.len(), 1, "{flavour}");
            // The server's job deletes the row as well.
            fixture
                .sql(
                    "delete from users where nickname = 'alice';
                     update oban_jobs set state = 'completed'",
                )
                .await?;
        }
        let done = testkit::Done::from(child.wait_with_output()?);
        assert_eq!((done.stdout.as_str(), done.code), ("User alice deleted.\n", 0), "{done:?}");
        assert!(fixture.alice_row().await.is_err(), "{flavour}: the row is still there");
        let attempts: i32 =
            sqlx::query_scalar("select attempt from ostrakon.runs").fetch_one(&pool).await?;
        assert_eq!(attempts, 0, "{flavour}");
        let all_done: bool =
            sqlx::query_scalar("select done = total from ostrakon.runs").fetch_one(&pool).await?;
        assert!(all_done, "{flavour}");
    }
    Ok(())
}

#[tokio::test]
async fn a_server_that_does_not_deliver_is_not_waited_for_for_ever() -> Result<()> {
    for flavour in Flavour::ALL {
        let fixture = Removal::new(flavour).await?;
        fixture.never_confirmed().await?;
        fixture.world.remote("carl", "far.example").await?.follows(&fixture.alice).await?;
        let ostrakon = fixture.ostrakon.clone().with("OSTRAKON_SERVER_PUBLISH_WAIT", "500ms");
        let done = ostrakon.run(&["user", "rm", "alice", "--yes", "--inline"])?;
        assert_eq!(done.code, 0, "{done:?}");
        assert!(fixture.alice_row().await.is_err(), "{flavour}: the row is still there");
        let waited: i64 =
            sqlx::query_scalar("select count(*) from ostrakon.run_events where event = 'waiting'")
                .fetch_one(&fixture.database.pool())
                .await?;
        assert!(waited > 0, "{flavour}");
    }
    Ok(())
}

#[tokio::test]
async fn a_row_waits_for_deliveries_that_are_not_yet_due() -> Result<()> {
    for flavour in Flavour::ALL {
        let fixture = Removal::new(flavour).await?;
        fixture.never_confirmed().await?;
        let stranger = fixture.world.remote("sam", "stranger.example").await?;
        fixture.alice.follows(&stranger).await?;
        for (nickname, host) in [("carl", "far.example"), ("cleo", "near.example")] {
            fixture.world.remote(nickname, host).await?.follows(&fixture.alice).await?;
        }
        // All slots of the next hour are taken.
        fixture
            .sql(
                "update ostrakon.delivery_schedule
                 set second = date_trunc('second', clock_timestamp()) + interval '1 hour'",
            )
            .await?;
        let ostrakon = fixture
            .ostrakon
            .clone()
            .with("OSTRAKON_FEDERATION_PER_SECOND", "1")
            .with("OSTRAKON_SERVER_PUBLISH_WAIT", "2s");
        let words = ["user", "rm", "alice", "--yes", "--inline"];
        let mut child = ostrakon.command(&words).stderr(Stdio::piped()).spawn()?;
        let pool = fixture.database.pool();
        eventually("the run to wait", async || {
            let (status, step, free) = standing(&pool).await?;
            Ok((status == "queued" && step.as_deref() == Some("deliveries") && free).then_some(()))
        })
        .await?;
        child.kill()?;
        child.wait()?;

        let (jobs, last_is_delivered, waited_from_last, recheck): (i64, bool, bool, f64) =
            sqlx::query_as(
                "select count(*), abs(extract(epoch from
                            max(scheduled_at) - timezone('UTC', run.deliveries_until))) < 0.001,
                        abs(extract(epoch from timezone('UTC', (cursor ->> 'deadline')::timestamptz)
                            - max(scheduled_at)) - 2) < 0.001,
                        extract(epoch from run.available_at - clock_timestamp())::float8
                 from oban_jobs, ostrakon.runs run
                 where queue = 'federator_outgoing' and state = 'scheduled'
                   and scheduled_at > timezone('UTC', now()) + interval '50 minutes'
                 group by run.id",
            )
            .fetch_one(&pool)
            .await?;
        assert_eq!((jobs, last_is_delivered, waited_from_last), (3, true, true), "{flavour}");
        // Nothing can change before the deliveries are due.
        assert!(recheck > 200.0, "{flavour}: {recheck}");
        fixture.alice_row().await.with_context(|| format!("{flavour}: nobody was told yet"))?;

        // The second half of the wait: the deliveries are due, and the server has made them.
        fixture.sql("update oban_jobs set state = 'completed'").await?;
        let done = ostrakon.run(&words)?;
        assert_eq!((done.stdout.as_str(), done.code), ("User alice deleted.\n", 0), "{done:?}");
        assert!(fixture.alice_row().await.is_err(), "{flavour}: the row is still there");
    }
    Ok(())
}

#[tokio::test]
async fn a_row_that_goes_at_once_is_not_refreshed() -> Result<()> {
    let fixture = Removal::new(Flavour::Pleroma).await?;
    fixture.never_confirmed().await?;
    let done = fixture.run("user rm alice --yes --inline")?;
    assert_eq!(done.code, 0, "{done:?}");
    let jobs = fixture.jobs("verify_fields_links").await?;
    assert!(jobs.is_empty(), "the server would fail over the missing row: {jobs:?}");
    fixture.alice_row().await.err().context("the row is still there")?;
    Ok(())
}
