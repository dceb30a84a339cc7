//! Invites: their limits, the rows that they create, and revoking them.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use testkit::Flavour;

use super::{FLAVOURS, Fixture};

async fn fixture(flavour: Flavour) -> Result<Fixture> {
    let fixture = Fixture::new(flavour).await?;
    fixture.world.local("alice").await?;
    Ok(fixture)
}

#[tokio::test]
async fn limits_make_the_type() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = fixture(flavour).await?;
        for (options, kind, words) in [
            ("", "one_time", "one time"),
            ("--max-use 5", "reusable", "reusable"),
            ("--expires-at 2030-01-31", "date_limited", "date limited"),
            (
                "--max-use 2 --expires-at 2030-01-31",
                "reusable_date_limited",
                "reusable date limited",
            ),
        ] {
            let done = fixture.run(&format!("user invite {options}"))?;
            let rows = fixture.rows().await?.0;
            let row = rows.rows("user_invite_tokens").last().context("no invite")?.clone();
            let token = row["token"].as_str().context("no token")?;
            let url = format!("https://peer.example/registration/{}", token.replace('=', "%3D"));
            let printed = format!("Generated user invite token {words}\n{url}\n");
            assert_eq!((done.stdout, done.code), (printed, 0), "{flavour} {options}");
            assert_eq!(row["invite_type"], kind, "{flavour}");
            assert_eq!((&row["used"], &row["uses"]), (&json!(false), &json!(0)), "{flavour}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_invite_for_nobody_is_made_with_a_warning() -> Result<()> {
    let fixture = fixture(Flavour::Pleroma).await?;
    let done = fixture.run("user invite --expires-at 2020-01-01 --max-use 0")?;
    assert!(done.stdout.starts_with("Generated user invite token reusable date limited\n"));
    insta::assert_snapshot!(done.stderr, @r"
    warning: this invite cannot be used: --max-use is 0
    warning: this invite cannot be used: --expires-at is in the past
    ");
    assert_eq!(done.code, 0);
    Ok(())
}

#[tokio::test]
async fn what_is_no_limit_is_refused() -> Result<()> {
    let fixture = fixture(Flavour::Pleroma).await?;
    let done = fixture
        .all_refused(&[
            "user invite --expires-at 2030-02-30",
            "user invite --expires-at 2030-1-1 --max-use 5",
            "user invite --expires-at=",
            "user invite --max-use 2147483648",
            "user invite --max-use=-1",
            "user invite --max-use 1.5",
            "user invite alice",
            "user invite --expires",
        ])
        .await?;
    let reported: Vec<_> = done.iter().map(|done| (done.code, done.stdout.as_str())).collect();
    assert!(reported.iter().all(|reported| *reported == (2, "")), "{reported:?}");
    assert!(done[0].stderr.starts_with("Could not create invite token: {:error, :invalid_date}\n"));
    for done in &done[1..3] {
        let line = "Could not create invite token: {:error, :invalid_format}\n";
        assert!(done.stderr.starts_with(line), "{done:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_server_without_accounts_does_not_know_its_address() -> Result<()> {
    let fixture = Fixture::new(Flavour::Akkoma).await?;
    let done = fixture.refused("user invite").await?;
    assert_eq!((done.code, done.stdout.as_str()), (4, ""), "{done:?}");
    assert!(done.stderr.contains("--instance-url"), "{done:?}");
    let done = fixture.run("user invite --instance-url https://new.example")?;
    assert!(done.stdout.contains("\nhttps://new.example/registration/"), "{done:?}");
    Ok(())
}

#[tokio::test]
async fn a_token_is_revoked_wherever_it_stands() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = fixture(flavour).await?;
        fixture
            .sql(
                "insert into user_invite_tokens (id, token, used, uses, max_use, invite_type, inserted_at, updated_at)
                 values (1, '-same', false, 1, 3, 'reusable', '2025-01-01', '2025-01-01'),
                        (2, 'other', false, 0, null, 'one_time', '2025-01-01', '2025-01-01'),
                        (3, '-same', true, 3, 3, 'reusable', '2025-01-01', '2025-01-01'),
                        (4, '-same', false, 0, null, 'one_time', '2025-01-01', '2025-01-01'),
                        (5, null, false, 0, null, 'one_time', '2025-01-01', '2025-01-01')",
            )
            .await?;
        let done = fixture.run("user revoke_invite -same")?;
        assert_eq!((done.stdout.as_str(), done.code), ("Invite for token -same was revoked.\n", 0));
        let rows = fixture.rows().await?.0;
        let touched: Vec<(i64, bool, bool)> = rows
            .rows("user_invite_tokens")
            .iter()
            .map(|row| {
                let old = row["updated_at"].as_str().is_some_and(|at| at.starts_with("2025-01-01"));
                (row["id"].as_i64().unwrap_or(0), row["used"] == json!(true), !old)
            })
            .collect();
        let expected = [
            (1, true, true),
            (2, false, false),
            (3, true, false),
            (4, true, true),
            (5, false, false),
        ];
        assert_eq!(touched, expected, "{flavour}");

        // A second time: the same line, and nothing is written.
        let done = fixture.refused("user revoke-invite -same").await?;
        assert_eq!((done.stdout.as_str(), done.code), ("Invite for token -same was revoked.\n", 0));
        let done = fixture.run("user invites --json")?;
        let first: Value = serde_json::from_str(done.stdout.lines().next().unwrap_or_default())?;
        assert_eq!((&first["left_uses"], &first["used"]), (&json!(2), &json!(true)), "{flavour}");
    }
    Ok(())
}

#[tokio::test]
async fn the_record_names_no_token() -> Result<()> {
    let fixture = fixture(Flavour::Pleroma).await?;
    let (_, invite) = fixture.json("user invite --reason party")?;
    let token = invite["token"].as_str().context("no token")?.to_owned();
    fixture.run_words(&["user", "revoke_invite", &token])?;
    let actions: Vec<(String, String, Option<String>, Value)> =
        sqlx::query_as("select command, subject, reason, detail from ostrakon.actions order by id")
            .fetch_all(&fixture.database.pool())
            .await?;
    let commands: Vec<&str> = actions.iter().map(|action| action.0.as_str()).collect();
    assert_eq!(commands, ["invite", "revoke_invite"]);
    assert_eq!(actions[0].2.as_deref(), Some("party"));
    assert!(!format!("{actions:?}").contains(&token), "{actions:?}");
    Ok(())
}
