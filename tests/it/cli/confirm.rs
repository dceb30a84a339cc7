//! `ostrakon user confirm`, and the steps of the registration that it completes.

use anyhow::Result;
use serde_json::{Value, json};
use testkit::{Account, Flavour, flake_text};

use super::{FLAVOURS, Fixture};

/// An account whose address is not confirmed yet.
async fn unconfirmed(fixture: &Fixture, nickname: &str) -> Result<Account> {
    let account = fixture.world.local(nickname).await?;
    let statement = match fixture.world.flavour() {
        Flavour::Pleroma22 => {
            "update users set confirmation_pending = true, confirmation_token = 'tok' where id = $1"
        }
        Flavour::Pleroma | Flavour::Akkoma => {
            "update users set is_confirmed = false, confirmation_token = 'tok' where id = $1"
        }
    };
    sqlx::query(statement).bind(account.id()).execute(&fixture.database.pool()).await?;
    Ok(account)
}

async fn is_confirmed(account: &Account, flavour: Flavour) -> Result<bool> {
    Ok(match flavour {
        Flavour::Pleroma22 => account.column("confirmation_pending").await? == false,
        Flavour::Pleroma | Flavour::Akkoma => account.column("is_confirmed").await? == true,
    })
}

/// Arguments of the server's jobs, in order.
async fn jobs(fixture: &Fixture) -> Result<Vec<Value>> {
    let rows = fixture.rows().await?.0;
    Ok(rows.rows("oban_jobs").iter().map(|job| job["args"].clone()).collect())
}

#[tokio::test]
async fn the_running_server_is_informed_where_it_can_be() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = Fixture::new(flavour).await?;
        let alice = unconfirmed(&fixture, "alice").await?;
        fixture.world.local("bob").await?;
        let before = fixture.rows().await?.0;
        let done = fixture.run("user confirm Alice@peer.example")?;
        assert_eq!(
            (done.stdout.as_str(), done.code),
            ("Alice@peer.example doesn't need confirmation.\n", 0),
            "{flavour}: {done:?}"
        );
        assert!(is_confirmed(&alice, flavour).await?, "{flavour}");
        assert_eq!(alice.column("confirmation_token").await?, Value::Null, "{flavour}");
        assert_ne!(alice.column("updated_at").await?, before.rows("users")[0]["updated_at"]);
        let all = jobs(&fixture).await?;
        let mails = all.iter().filter(|args| args["op"] == "email").count();
        assert_eq!(mails, usize::from(flavour != Flavour::Pleroma22), "{flavour}");
        let refresh = json!({"op": "verify_fields_links", "user_id": flake_text(alice.id())});
        assert_eq!(all.contains(&refresh), flavour == Flavour::Pleroma, "{flavour}: {all:?}");
        let reported = done.stderr.starts_with("note: the change is in the database");
        assert_eq!(reported, flavour != Flavour::Pleroma, "{flavour}: {done:?}");
        let rows = fixture.rows().await?.0;
        assert_eq!(rows.rows("users")[1], before.rows("users")[1], "{flavour}");

        // A second time: nothing is left to do.
        let done = fixture.refused("user confirm alice").await?;
        assert_eq!(
            (done.stdout.as_str(), done.stderr.as_str(), done.code),
            ("alice doesn't need confirmation.\n", "", 0),
            "{flavour}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn an_account_elsewhere_follows_nobody_by_it() -> Result<()> {
    let mut fixture = Fixture::new(Flavour::Pleroma).await?;
    fixture.ostrakon = fixture.ostrakon.with("OSTRAKON_REGISTRATION_AUTOFOLLOWED_NICKNAMES", "bob");
    let bob = fixture.world.local("bob").await?;
    let carl = fixture.world.remote("carl", "far.example").await?;
    fixture
        .sql("update users set is_confirmed = false, email = 'c@far.example' where not local")
        .await?;
    let (code, done) = fixture.json("user confirm CARL@far.example")?;
    let expected = json!({"command": "confirm", "nickname": "carl@far.example", "changed": true,
        "mails": 0, "follow_relations": 0});
    assert_eq!((code, done), (0, expected));
    assert!(is_confirmed(&carl, Flavour::Pleroma).await?);
    assert_eq!(bob.column("follower_count").await?, 0);
    Ok(())
}

#[tokio::test]
async fn what_is_required_decides_about_the_mail() -> Result<()> {
    for (variable, approved, mails) in [
        ("OSTRAKON_REGISTRATION_ACCOUNT_ACTIVATION_REQUIRED", true, 0),
        ("OSTRAKON_REGISTRATION_ACCOUNT_APPROVAL_REQUIRED", true, 0),
        // One mail to the account, and one to bob, who is on the staff; none to carol, who is not.
        ("OSTRAKON_REGISTRATION_ACCOUNT_APPROVAL_REQUIRED", false, 2),
    ] {
        let mut fixture = Fixture::new(Flavour::Akkoma).await?;
        fixture.ostrakon = fixture
            .ostrakon
            .with(variable, "true")
            .with("OSTRAKON_REGISTRATION_AUTOFOLLOWED_NICKNAMES", "carol");
        unconfirmed(&fixture, "alice").await?;
        fixture.world.local("bob").await?;
        let carol = fixture.world.local("carol").await?;
        fixture.sql("update users set is_moderator = true where nickname = 'bob'").await?;
        if !approved {
            fixture.sql("update users set is_approved = false where nickname = 'alice'").await?;
        }
        let (code, done) = fixture.json("user confirm alice")?;
        assert_eq!((code, &done["mails"]), (0, &json!(mails)), "{variable}");
        // An account that still waits for approval follows no account.
        let follows = i32::from(approved);
        assert_eq!(done["follow_relations"], follows, "{variable}");
        assert_eq!(carol.column("follower_count").await?, follows, "{variable}");
        assert_eq!(jobs(&fixture).await?.len(), mails, "{variable}");
    }
    Ok(())
}

#[tokio::test]
async fn the_staff_can_have_it_in_its_log() -> Result<()> {
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    let alice = unconfirmed(&fixture, "alice").await?;
    let boss = fixture.world.local("boss").await?;
    let done = fixture.refused("user confirm alice --as boss").await?;
    assert_eq!(done.code, 4, "{done:?}");
    fixture.sql("update users set is_admin = true where nickname = 'boss'").await?;
    assert_eq!(fixture.run("user confirm alice --as boss")?.code, 0);
    let log = fixture.rows().await?.0.rows("moderation_log").to_vec();
    let person = |id, nickname| json!({"id": flake_text(id), "nickname": nickname, "type": "user"});
    assert_eq!(log.len(), 1);
    assert_eq!(
        log[0]["data"],
        json!({
            "action": "confirm_email",
            "actor": person(boss.id(), "boss"),
            "subject": [person(alice.id(), "alice")],
            "message": "@boss confirmed email for users: @alice",
        })
    );
    Ok(())
}

#[tokio::test]
async fn nobody_of_that_name_changes_nothing() -> Result<()> {
    let long = "x".repeat(10_000);
    for flavour in FLAVOURS {
        let fixture = Fixture::new(flavour).await?;
        unconfirmed(&fixture, "alice").await?;
        let before = fixture.rows().await?;
        for typed in ["nobody", "", " ", "alice@far.example", "'; drop table users; --", &long] {
            let done = fixture.run_words(&["user", "confirm", typed])?;
            let line = format!("No local user {typed}\n");
            assert_eq!((done.stdout.as_str(), done.code), ("", 3), "{flavour}: {done:?}");
            assert_eq!(done.stderr, line, "{flavour}");
        }
        let done = fixture.run_words(&["user", "confirm", "ali\u{1b}[2J"])?;
        assert_eq!((done.stderr.as_str(), done.code), ("No local user ali\u{fffd}[2J\n", 3));
        for line in ["user confirm", "user confirm alice bob", "user confirm alice --nope"] {
            assert_eq!(fixture.run(line)?.code, 2, "{flavour}: {line}");
        }
        assert!(before == fixture.rows().await?, "{flavour}: rows changed");
    }
    Ok(())
}
