//! `user list` and `user show`: which accounts, which columns, and no secrets.

use std::process::Stdio;

use anyhow::Result;
use serde_json::{Value, json};
use testkit::{Flavour, flake_text};

use super::{FLAVOURS, Fixture};

/// A small server with one account of every kind.
async fn fixture(flavour: Flavour) -> Result<Fixture> {
    let fixture = Fixture::without_ledger(flavour).await?;
    for nickname in ["alice", "boss", "mod", "both", "internal.fetch"] {
        fixture.world.local(nickname).await?;
    }
    fixture.world.local("gone").await?.is_deactivated().await?;
    fixture.world.remote("bob", "far.example").await?;
    fixture
        .sql(
            "update users set is_admin = nickname in ('boss', 'both', 'bob@far.example'),
                              is_moderator = nickname in ('mod', 'both'),
                              is_locked = nickname = 'mod'",
        )
        .await?;
    Ok(fixture)
}

fn nicknames(stdout: &str) -> Vec<&str> {
    stdout.lines().filter_map(|line| line.split(' ').next()).collect()
}

#[tokio::test]
async fn filters_narrow_the_list_together() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = fixture(flavour).await?;
        for (options, expected) in [
            ("", vec!["alice", "boss", "mod", "both", "gone"]),
            ("--admins", vec!["boss", "both"]),
            ("--moderators", vec!["mod", "both"]),
            ("--admins --moderators", vec!["both"]),
            ("--inactive", vec!["gone"]),
            ("--inactive --admins", vec![]),
            ("--limit 2", vec!["alice", "boss"]),
            ("--limit 1 --moderators", vec!["mod"]),
            ("--limit 0", vec![]),
        ] {
            let done = fixture.run(&format!("user list {options}"))?;
            assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{flavour} {options}");
            assert_eq!(nicknames(&done.stdout), expected, "{flavour} {options}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn each_account_is_one_object() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = fixture(flavour).await?;
        let done = fixture.run("user list --json")?;
        let objects: Vec<Value> =
            done.stdout.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        assert!(
            done.stdout.lines().all(|line| line.starts_with(r#"{"command":"list","nickname":"#))
        );
        let gone = objects.last().cloned().unwrap_or_default();
        let id: uuid::Uuid = sqlx::query_scalar("select id from users where nickname = 'gone'")
            .fetch_one(&fixture.database.pool())
            .await?;
        let expected = json!({
            "command": "list", "nickname": "gone", "id": flake_text(id), "admin": false,
            "moderator": false, "locked": false, "active": false, "confirmed": true, "approved": true,
        });
        assert_eq!((objects.len(), gone), (5, expected), "{flavour}");
    }
    Ok(())
}

#[tokio::test]
async fn a_reader_may_go_away() -> Result<()> {
    let fixture = fixture(Flavour::Pleroma).await?;
    let mut list = fixture
        .ostrakon
        .command(&["user", "list"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    drop(list.stdout.take());
    let done = list.wait_with_output()?;
    assert_eq!((done.status.code(), done.stderr.as_slice()), (Some(0), b"".as_slice()));
    Ok(())
}

#[tokio::test]
async fn the_old_name_of_a_column_is_understood() -> Result<()> {
    let fixture = fixture(Flavour::Pleroma22).await?;
    fixture.sql("alter table users rename column is_locked to locked").await?;
    let done = fixture.run("user list --moderators --limit 1")?;
    let line = "mod moderator: true, admin: false, locked: true, deactivated: false\n";
    assert_eq!((done.stdout.as_str(), done.code), (line, 0), "{done:?}");
    let (code, shown) = fixture.json("user show mod")?;
    assert_eq!((code, &shown["locked"]), (0, &json!(true)));
    fixture.ostrakon.migrate()?;
    let done = fixture.run("user set mod --no-locked")?;
    assert_eq!((done.stdout.as_str(), done.code), ("Locked status of mod: false\n", 0), "{done:?}");
    let (_, shown) = fixture.json("user show mod")?;
    assert_eq!(shown["locked"], json!(false));
    Ok(())
}

#[tokio::test]
async fn an_account_is_shown_without_its_secrets() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = Fixture::without_ledger(flavour).await?;
        let alice = fixture.world.local("alice").await?;
        let bob = fixture.world.remote("bob", "far.example").await?;
        alice.posts("one").create().await?;
        let hello = alice.posts("two").unlisted().create().await?;
        bob.posts("three").create().await?;
        alice.likes(&hello).await?;
        fixture
            .sql(
                "update users set tags = '{a,b}', note_count = 7, follower_count = 2,
                   confirmation_token = 'secret-token', email = 'secret@far.example'
                 where nickname = 'bob@far.example';
                 update users set confirmation_token = 'secret-token' where nickname = 'alice'",
            )
            .await?;
        let (code, shown) = fixture.json("user show ALICE")?;
        assert_eq!(code, 0, "{flavour}");
        assert_eq!(shown["nickname"], "alice", "{flavour}");
        assert_eq!(shown["email"], "alice@peer.example", "{flavour}");
        assert_eq!((&shown["posts"], &shown["local"]), (&json!(2), &json!(true)), "{flavour}");
        assert_eq!(shown["id"], flake_text(alice.id()), "{flavour}");
        assert_eq!(shown["created_at"], "2025-01-01T00:00:01Z", "{flavour}");
        let (_, shown) = fixture.json("user show bob@far.example")?;
        let reported = ["email", "posts", "note_count", "followers"].map(|key| shown[key].clone());
        assert_eq!(reported, [json!(null), json!(1), json!(7), json!(2)], "{flavour}");
        for line in ["user show alice", "user show alice --json", "user show bob@far.example"] {
            let done = fixture.run(line)?;
            for secret in ["password", "private key", "secret"] {
                assert!(!done.stdout.contains(secret), "{flavour} {line}: {done:?}");
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_is_shown_lines_up() -> Result<()> {
    let fixture = Fixture::without_ledger(Flavour::Pleroma).await?;
    let bob = fixture.world.remote("bob", "far.example").await?;
    bob.is_deactivated().await?;
    bob.posts("hi").create().await?;
    fixture
        .sql("update users set tags = '{a,b}', is_locked = true, name = E'B\\x1bb\\nRoles: admin'")
        .await?;
    let done = fixture.run("user show bob@far.example")?;
    insta::assert_snapshot!(done.transcript());
    Ok(())
}
