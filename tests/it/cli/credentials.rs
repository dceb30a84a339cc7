//! Access to an account: reset links, the second factor, the e-mail address and its confirmation.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use testkit::Flavour;

use super::{FLAVOURS, Fixture};

async fn column(fixture: &Fixture, nickname: &str, name: &str) -> Result<Value> {
    let row =
        sqlx::query_scalar("select to_jsonb(u) -> $2 from users u where nickname = $1::citext");
    Ok(row.bind(nickname).bind(name).fetch_one(&fixture.database.pool()).await?)
}

/// Whether an account's address is confirmed, by the column of its flavour.
async fn is_confirmed(fixture: &Fixture, nickname: &str) -> Result<bool> {
    match fixture.database.flavour() {
        Flavour::Pleroma22 => {
            Ok(column(fixture, nickname, "confirmation_pending").await? == json!(false))
        }
        Flavour::Pleroma | Flavour::Akkoma => {
            Ok(column(fixture, nickname, "is_confirmed").await? == json!(true))
        }
    }
}

#[tokio::test]
async fn a_reset_link_is_whole_and_good_for_the_row() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = Fixture::new(flavour).await?;
        let alice = fixture.world.local("alice").await?;
        let done = fixture.run("user reset_password Alice")?;
        let rows = fixture.rows().await?.0;
        let [row] = rows.rows("password_reset_tokens") else { anyhow::bail!("not one row") };
        let token = row["token"].as_str().context("no token")?;
        let path = match flavour {
            Flavour::Pleroma22 => "/api/pleroma/password_reset/",
            Flavour::Pleroma | Flavour::Akkoma => "/api/v1/pleroma/password_reset/",
        };
        let printed = format!(
            "Generated password reset token for alice\nURL: https://peer.example{path}{}\n",
            token.replace('=', "%3D")
        );
        assert_eq!((done.stdout, done.code), (printed, 0), "{flavour}");
        assert_eq!(row["user_id"], json!(alice.id()), "{flavour}");
        let actions: Vec<String> = sqlx::query_scalar("select a::text from ostrakon.actions a")
            .fetch_all(&fixture.database.pool())
            .await?;
        assert!(actions.len() == 1 && !actions[0].contains(token), "{actions:?}");
    }
    Ok(())
}

#[tokio::test]
async fn backup_codes_outlive_the_second_factor() -> Result<()> {
    let off = json!({"secret": null, "delivery_type": "app", "confirmed": false});
    for flavour in FLAVOURS {
        let fixture = Fixture::new(flavour).await?;
        fixture.world.local("alice").await?;
        for (before, codes) in [
            (json!(null), json!([])),
            (json!({}), json!([])),
            (json!({"backup_codes": null}), json!([])),
            (
                json!({"enabled": true, "backup_codes": ["x", "y"],
                    "totp": {"secret": "S", "confirmed": true, "delivery_type": "app"}}),
                json!(["x", "y"]),
            ),
        ] {
            sqlx::query(
                "update users set multi_factor_authentication_settings = nullif($1, 'null')",
            )
            .bind(&before)
            .execute(&fixture.database.pool())
            .await?;
            let done = fixture.run("user reset_mfa alice")?;
            let line = "Multi-Factor Authentication disabled for alice\n";
            assert_eq!((done.stdout.as_str(), done.code), (line, 0), "{flavour} {before}");
            let expected = json!({"enabled": false, "totp": off, "backup_codes": codes});
            let after = column(&fixture, "alice", "multi_factor_authentication_settings").await?;
            assert_eq!(after, expected, "{flavour} {before}");
        }
        let (code, reported) = {
            let before = fixture.rows().await?;
            let reported = fixture.json("user reset-mfa alice")?;
            assert!(before == fixture.rows().await?, "{flavour}");
            reported
        };
        assert_eq!((code, &reported["changed"]), (0, &json!(false)), "{flavour}");
    }
    Ok(())
}

#[tokio::test]
async fn a_confirmation_goes_back_and_forth() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = Fixture::new(flavour).await?;
        fixture.world.local("alice").await?;
        fixture.world.remote("bob", "far.example").await?;
        for nickname in ["Alice", "bob@far.example"] {
            let done = fixture.run(&format!("user toggle_confirmed {nickname}"))?;
            let line = format!("{nickname} needs confirmation.\n");
            assert_eq!((done.stdout, done.code), (line, 0), "{flavour}");
            assert!(!is_confirmed(&fixture, nickname).await?, "{flavour}");
            let token = column(&fixture, nickname, "confirmation_token").await?;
            assert_eq!(token.as_str().map(str::len), Some(44), "{flavour}: {token}");

            let done = fixture.run(&format!("user toggle-confirmed {nickname}"))?;
            let line = format!("{nickname} doesn't need confirmation.\n");
            assert_eq!((done.stdout, done.code), (line, 0), "{flavour}");
            assert!(is_confirmed(&fixture, nickname).await?, "{flavour}");
            assert_eq!(column(&fixture, nickname, "confirmation_token").await?, json!(null));
        }
    }
    Ok(())
}

#[tokio::test]
async fn taking_a_confirmation_back_makes_a_fresh_token_each_time() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = Fixture::new(flavour).await?;
        fixture.world.local("alice").await?;
        let mut tokens = Vec::new();
        for _ in 0..2 {
            assert_eq!(fixture.run("user set alice --no-confirmed")?.code, 0);
            tokens.push(column(&fixture, "alice", "confirmation_token").await?);
        }
        assert!(tokens[0] != tokens[1] && tokens.iter().all(Value::is_string), "{flavour}");
    }
    Ok(())
}

#[tokio::test]
async fn what_staff_did_is_in_the_moderation_log() -> Result<()> {
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    fixture.world.local("alice").await?;
    fixture.world.local("boss").await?;
    fixture.sql("update users set is_admin = true where nickname = 'boss'").await?;
    fixture.run("user toggle_confirmed alice --as boss")?;
    fixture.run("user toggle_confirmed alice --as boss")?;
    fixture.run("user change_email alice new@mail.example --as boss")?;
    fixture.run("user change_email alice new@mail.example --as boss")?;
    let entries: Vec<(String, String)> =
        sqlx::query_as("select data->>'action', data->>'message' from moderation_log order by id")
            .fetch_all(&fixture.database.pool())
            .await?;
    // The server's log has no entry for withdrawing a confirmation.
    let expected = [
        ("confirm_email", "@boss confirmed email for users: @alice"),
        ("updated_users", "@boss updated users: @alice"),
    ]
    .map(|(action, message)| (action.to_owned(), message.to_owned()));
    assert_eq!(entries, expected);
    Ok(())
}

#[tokio::test]
async fn an_address_is_changed_and_nothing_else() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = Fixture::new(flavour).await?;
        fixture.world.local("alice").await?;
        let before = column(&fixture, "alice", "updated_at").await?;
        for email in ["new@mail.example", "NEW@mail.example"] {
            let done = fixture.run(&format!("user change_email ALICE {email}"))?;
            assert_eq!(
                (done.stdout.as_str(), done.code),
                ("alice's email updated\n", 0),
                "{flavour}"
            );
            assert_eq!(column(&fixture, "alice", "email").await?, email, "{flavour}");
        }
        assert_ne!(column(&fixture, "alice", "updated_at").await?, before, "{flavour}");
        assert!(is_confirmed(&fixture, "alice").await?, "{flavour}");
        let done = fixture.refused("user change-email alice NEW@mail.example").await?;
        assert_eq!((done.stdout.as_str(), done.code), ("alice's email updated\n", 0), "{flavour}");
    }
    Ok(())
}

#[tokio::test]
async fn an_address_that_must_not_be_had_is_refused() -> Result<()> {
    for flavour in FLAVOURS {
        let mut fixture = Fixture::new(flavour).await?;
        fixture.world.local("alice").await?;
        fixture.world.local("carol").await?;
        fixture.ostrakon =
            fixture.ostrakon.with("OSTRAKON_REGISTRATION_EMAIL_BLACKLIST", "spam.example");
        let before = fixture.rows().await?;
        for (email, code) in [
            ("carol@peer.example", 4),
            ("CAROL@Peer.Example", 4),
            ("a@spam.example", 4),
            ("a@x.SPAM.example", 4),
            ("", 2),
            ("nonsense", 2),
            ("a b@mail.example", 2),
            ("a@mail.example\n", 2),
            ("'; drop table users; --", 2),
            (&"x".repeat(10_000), 2),
            (&format!("{}@mail.example", "x".repeat(10_000)), 2),
        ] {
            let done = fixture.run_words(&["user", "change_email", "alice", email])?;
            assert_eq!((done.code, done.stdout.as_str()), (code, ""), "{flavour}: {done:?}");
            assert!(done.stderr.len() < 250, "{done:?}");
        }
        assert!(before == fixture.rows().await?, "{flavour}");
    }
    Ok(())
}

#[tokio::test]
async fn the_running_server_is_notified_once_of_each_change() -> Result<()> {
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    fixture.world.local("alice").await?;
    for (number, command) in [
        "reset_mfa alice",
        "toggle_confirmed alice",
        "change_email alice new@mail.example",
        "tag alice x",
        "untag alice x",
    ]
    .iter()
    .enumerate()
    {
        assert_eq!(fixture.run(&format!("user {command}"))?.code, 0);
        let rows = fixture.rows().await?.0;
        let jobs = rows.rows("oban_jobs");
        let last = jobs.last().context("no job")?;
        assert_eq!((jobs.len(), &last["args"]["op"]), (number + 1, &json!("verify_fields_links")));
    }
    // None of these changes the account's row.
    fixture.run("user reset_password alice")?;
    fixture.run("user reset_mfa alice")?;
    fixture.run("user untag alice x")?;
    assert_eq!(fixture.rows().await?.0.rows("oban_jobs").len(), 5);
    Ok(())
}
