//! From the moment of the request, an account to be removed is silent.

use anyhow::Result;
use serde_json::json;
use testkit::{Flavour, flake_text};

use super::Removal;

/// A session of alice.
const SESSION: &str =
    "insert into apps (client_name, redirect_uris, scopes, inserted_at, updated_at)
       values ('app', 'x', '{}', now(), now());
     insert into oauth_tokens (app_id, user_id, token, refresh_token, inserted_at, updated_at)
       select a.id, u.id, 't', 'r', now(), now() from apps a, users u where u.nickname = 'alice';
     insert into oauth_authorizations (app_id, user_id, token, inserted_at, updated_at)
       select a.id, u.id, 't', now(), now() from apps a, users u where u.nickname = 'alice'";

#[tokio::test]
async fn a_queued_removal_has_switched_the_account_off_and_signed_it_out() -> Result<()> {
    for flavour in Flavour::ALL {
        let fixture = Removal::new(flavour).await?;
        let boss = fixture.world.local("boss").await?;
        fixture.sql("update users set is_admin = true where nickname = 'boss'").await?;
        fixture.sql(SESSION).await?;
        fixture.alice.posts("hello").create().await?;
        let before = fixture.state().await?;

        let done = fixture.run("user rm alice --yes --as BOSS")?;
        assert_eq!(done.code, 0, "{done:?}");
        let after = fixture.state().await?;
        let row = fixture.alice_row().await?;
        let off = match flavour {
            Flavour::Pleroma22 => &row["deactivated"],
            Flavour::Pleroma | Flavour::Akkoma => {
                &json!(!row["is_active"].as_bool().unwrap_or(true))
            }
        };
        assert_eq!(off, &json!(true), "{flavour}");
        assert!(after.rows("oauth_tokens").is_empty(), "{flavour}");
        assert!(after.rows("oauth_authorizations").is_empty(), "{flavour}");
        // Everything else waits for a worker.
        for table in ["activities", "objects", "following_relationships"] {
            assert_eq!(before.rows(table), after.rows(table), "{flavour}");
        }
        let flake = flake_text(fixture.alice.id());
        let refreshed: Vec<_> =
            after.rows("oban_jobs").iter().map(|job| job["args"].clone()).collect();
        let expected = match flavour {
            Flavour::Pleroma => vec![json!({ "op": "verify_fields_links", "user_id": flake })],
            // Their job would end relations, which the run ends in its own way.
            Flavour::Akkoma | Flavour::Pleroma22 => Vec::new(),
        };
        assert_eq!(refreshed, expected, "{flavour}");
        let person = |nickname: &str, id| json!({ "id": flake_text(id), "nickname": nickname, "type": "user" });
        let logged: Vec<_> =
            after.rows("moderation_log").iter().map(|row| row["data"].clone()).collect();
        assert_eq!(
            logged,
            [json!({
                "actor": person("boss", boss.id()),
                "action": "delete",
                "message": "@boss deleted users: @alice",
                "subject": [person("alice", fixture.alice.id())],
            })],
            "{flavour}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn the_last_admin_is_removed_only_by_force() -> Result<()> {
    for flavour in Flavour::ALL {
        let fixture = Removal::new(flavour).await?;
        fixture.sql("update users set is_admin = true where nickname = 'alice'").await?;
        // Neither of these accounts could take over.
        let sleeper = fixture.world.local("sleeper").await?;
        sleeper.is_deactivated().await?;
        fixture.world.remote("far", "far.example").await?;
        fixture.sql("update users set is_admin = true where nickname <> 'alice'").await?;
        let before = fixture.state().await?;
        let done = fixture.run("user rm alice --yes --inline")?;
        assert_eq!(done.code, 4, "{done:?}");
        assert!(done.stderr.contains("alice is the last admin"), "{done:?}");
        assert!(before == fixture.state().await?, "{flavour}");
        let done = fixture.run("user rm alice --yes --inline --force")?;
        assert_eq!((done.stdout.as_str(), done.code), ("User alice deleted.\n", 0), "{done:?}");
    }
    Ok(())
}

#[tokio::test]
async fn nobody_but_the_staff_can_be_named() -> Result<()> {
    let fixture = Removal::new(Flavour::Pleroma).await?;
    fixture.world.local("bob").await?;
    let before = fixture.state().await?;
    for line in [
        "user rm alice --yes --inline --as bob",
        "user rm alice --yes --inline --as ghost",
        "user rm ghost --yes --inline",
        "user rm alice --king",
        "user rm",
    ] {
        let done = fixture.run(line)?;
        assert_ne!(done.code, 0, "{line}");
        assert!(before == fixture.state().await?, "{line}");
    }
    Ok(())
}
