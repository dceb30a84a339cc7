//! `user set`: roles, the last admin, and what is reported to whom.

use anyhow::Result;
use serde_json::{Value, json};
use testkit::{Flavour, flake_text};

use super::{FLAVOURS, Fixture};

/// A server with an account and an admin.
async fn fixture(flavour: Flavour) -> Result<Fixture> {
    let fixture = Fixture::new(flavour).await?;
    fixture.world.local("alice").await?;
    fixture.world.local("boss").await?;
    fixture.sql("update users set is_admin = true where nickname = 'boss'").await?;
    Ok(fixture)
}

async fn moderation_log(fixture: &Fixture) -> Result<Vec<Value>> {
    let rows = sqlx::query_scalar("select data from moderation_log order by id");
    Ok(rows.fetch_all(&fixture.database.pool()).await?)
}

#[tokio::test]
async fn of_an_option_and_its_opposite_the_later_counts() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = fixture(flavour).await?;
        for (options, status) in [
            ("--moderator", true),
            ("--moderator --no-moderator", false),
            ("--no-moderator --moderator", true),
            ("--moderator --moderator --no-moderator --no-moderator", false),
        ] {
            let done = fixture.run(&format!("user set Alice {options}"))?;
            let line = format!("Moderator status of alice: {status}\n");
            assert_eq!((done.stdout, done.code), (line, 0), "{flavour} {options}");
            let stored: bool =
                sqlx::query_scalar("select is_moderator from users where nickname = 'alice'")
                    .fetch_one(&fixture.database.pool())
                    .await?;
            assert_eq!(stored, status, "{flavour} {options}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_is_so_already_is_not_written() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = fixture(flavour).await?;
        let done = fixture
            .refused("user set alice --no-admin --no-moderator --no-locked --confirmed --as boss")
            .await?;
        let confirmed = match flavour {
            Flavour::Pleroma22 => "Confirmation pending status of alice: false",
            Flavour::Pleroma | Flavour::Akkoma => "Confirmation status of alice: true",
        };
        let lines = format!(
            "Admin status of alice: false\n{confirmed}\nLocked status of alice: false\n\
             Moderator status of alice: false\n"
        );
        assert_eq!((done.stdout, done.stderr.as_str(), done.code), (lines, "", 0), "{flavour}");
    }
    Ok(())
}

#[tokio::test]
async fn taking_the_last_admins_role_is_warned_about() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = fixture(flavour).await?;
        fixture.world.local("old").await?.is_deactivated().await?;
        fixture.world.remote("far", "far.example").await?;
        fixture
            .sql("update users set is_admin = true where nickname in ('old', 'far@far.example')")
            .await?;
        let warned = |line: &str| -> Result<bool> {
            let done = fixture.run(line)?;
            assert_eq!(done.code, 0, "{flavour}: {done:?}");
            Ok(done.stderr.contains("the last active admin"))
        };
        assert!(!warned("user set old --no-admin")?, "{flavour}");
        assert!(!warned("user set alice --admin")?, "{flavour}");
        assert!(!warned("user set boss --no-admin")?, "{flavour}");
        assert!(warned("user set alice --no-admin")?, "{flavour}");
        assert!(!warned("user set alice --no-admin")?, "{flavour}");
    }
    Ok(())
}

#[tokio::test]
async fn reports_are_forgotten_with_the_last_role_on_akkoma() -> Result<()> {
    // Pleroma 2.2 has no such notifications.
    for flavour in [Flavour::Pleroma, Flavour::Akkoma] {
        let fixture = fixture(flavour).await?;
        let alice = fixture.world.local("reporter").await?;
        let flag = alice.publishes(json!({"type": "Flag", "to": [], "cc": []})).await?;
        sqlx::query(
            "insert into notifications (user_id, activity_id, type, inserted_at, updated_at)
             select id, $1, kind::notification_type, '2025-01-01', '2025-01-01'
             from users, unnest(array['pleroma:report', 'mention']) as kind
             where nickname in ('alice', 'boss')",
        )
        .bind(flag)
        .execute(&fixture.database.pool())
        .await?;
        let reports = || async {
            let rows = sqlx::query_scalar::<_, String>(
                "select u.nickname || ' ' || n.type from notifications n
                 join users u on u.id = n.user_id order by 1",
            );
            rows.fetch_all(&fixture.database.pool()).await
        };
        let all = ["alice mention", "alice pleroma:report", "boss mention", "boss pleroma:report"];
        // None of these takes an account's last role.
        fixture.run("user set alice --no-admin --no-moderator")?;
        fixture.run("user set alice --admin --moderator")?;
        fixture.run("user set alice --no-moderator --locked")?;
        assert_eq!(reports().await?, all, "{flavour}");

        assert_eq!(fixture.run("user set alice --no-admin")?.code, 0);
        let left = reports().await?;
        if flavour == Flavour::Akkoma {
            assert_eq!(left, ["alice mention", "boss mention", "boss pleroma:report"]);
        } else {
            assert_eq!(left, all, "{flavour}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_moderation_log_has_the_servers_entries() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = fixture(flavour).await?;
        fixture.run("user set alice --no-confirmed --as boss")?;
        fixture.run("user set alice --moderator --locked --confirmed --as boss")?;
        fixture.run("user set alice --no-moderator --admin --as BOSS")?;
        fixture.run("user set alice --no-locked")?;
        let ids: Vec<uuid::Uuid> = sqlx::query_scalar(
            "select id from users where nickname in ('alice', 'boss') order by nickname",
        )
        .fetch_all(&fixture.database.pool())
        .await?;
        let actor = json!({"id": flake_text(ids[1]), "nickname": "boss", "type": "user"});
        let subject = json!([{"id": flake_text(ids[0]), "nickname": "alice", "type": "user"}]);
        let right = |action: &str, permission: &str, message: &str| {
            json!({"actor": actor, "action": action, "subject": subject, "permission": permission,
                   "message": message})
        };
        let expected = [
            json!({"actor": actor, "action": "confirm_email", "subject": subject,
                   "message": "@boss confirmed email for users: @alice"}),
            right("grant", "moderator", "@boss made @alice moderator"),
            right("grant", "admin", "@boss made @alice admin"),
            right("revoke", "moderator", "@boss revoked moderator role from @alice"),
        ];
        assert_eq!(moderation_log(&fixture).await?, expected, "{flavour}");
    }
    Ok(())
}

#[tokio::test]
async fn only_active_local_staff_can_be_named() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = fixture(flavour).await?;
        fixture.world.remote("far", "far.example").await?;
        fixture.sql("update users set is_admin = true where nickname = 'far@far.example'").await?;
        for staff in ["alice", "nobody", "far@far.example"] {
            let done = fixture.refused(&format!("user set alice --moderator --as {staff}")).await?;
            assert_eq!((done.code, done.stdout.as_str()), (4, ""), "{flavour} {staff}: {done:?}");
        }
    }
    Ok(())
}

/// Signs alice in, and makes her admin and moderator.
const SIGNED_IN: &str = "
    update users set is_admin = true, is_moderator = true where nickname = 'alice';
    delete from oauth_tokens; delete from oauth_authorizations;
    insert into apps (client_name, redirect_uris, scopes, inserted_at, updated_at)
      select 'app', 'x', '{}', now(), now() where not exists (select from apps);
    insert into oauth_tokens (app_id, user_id, token, refresh_token, inserted_at, updated_at)
      select a.id, u.id, 't', 'r', now(), now() from apps a, users u where u.nickname = 'alice';
    insert into oauth_authorizations (app_id, user_id, token, inserted_at, updated_at)
      select a.id, u.id, 't', now(), now() from apps a, users u where u.nickname = 'alice'";

/// A signed-in session would keep the role for as long as the running server has it in its cache.
#[tokio::test]
async fn a_role_that_is_taken_takes_the_sessions_where_the_server_cannot_be_informed() -> Result<()>
{
    for flavour in FLAVOURS {
        let fixture = fixture(flavour).await?;
        for (options, fields, refresh, ends) in [
            ("--no-admin", "[]", "auto", flavour == Flavour::Akkoma),
            ("--no-moderator", "[]", "auto", flavour == Flavour::Akkoma),
            ("--no-moderator --locked", "[]", "auto", flavour == Flavour::Akkoma),
            ("--no-admin --no-moderator --keep-sessions", "[]", "auto", false),
            ("--admin --locked", "[]", "auto", false),
            ("--no-confirmed", "[]", "auto", false),
            ("--no-admin", r#"[{"name": "x"}]"#, "auto", flavour != Flavour::Pleroma22),
            ("--no-admin", "[]", "off", flavour != Flavour::Pleroma22),
        ] {
            fixture.sql(SIGNED_IN).await?;
            sqlx::query("update users set raw_fields = $1::text::jsonb where nickname = 'alice'")
                .bind(fields)
                .execute(&fixture.database.pool())
                .await?;
            let ostrakon = fixture.ostrakon.clone().with("OSTRAKON_SERVER_REFRESH", refresh);
            let line = format!("user set alice {options}");
            let done = ostrakon.run(&line.split(' ').collect::<Vec<_>>())?;
            assert_eq!(done.code, 0, "{flavour} {options}: {done:?}");
            let reported = done.stderr.contains("alice was signed out of all apps");
            assert_eq!(reported, ends, "{flavour} {options} {fields} {refresh}: {done:?}");
            let rows = fixture.rows().await?.0;
            for table in ["oauth_tokens", "oauth_authorizations"] {
                let gone = rows.rows(table).is_empty();
                assert_eq!(gone, ends, "{flavour} {options} {fields} {refresh}: {table}");
            }
        }
        // No role is taken, so alice is not signed out.
        fixture.sql(SIGNED_IN).await?;
        fixture.sql("update users set is_admin = false where nickname = 'alice'").await?;
        fixture.run("user set alice --no-admin")?;
        assert_eq!(fixture.rows().await?.0.rows("oauth_tokens").len(), 1, "{flavour}");
    }
    Ok(())
}

/// Each change first reports what has no effect yet.
#[tokio::test]
async fn what_does_not_hold_yet_is_said() -> Result<()> {
    let fixture = fixture(Flavour::Akkoma).await?;
    fixture.world.local("carol").await?;
    fixture.sql("update users set is_confirmed = false where nickname <> 'boss'").await?;
    for (line, effect) in [
        ("set alice --admin", "the rights of an admin do not work"),
        ("set alice --moderator", "the rights of a moderator do not work"),
        ("set alice --locked", "it can be followed without approval"),
        ("set alice --no-locked", "follow requests still need approval"),
        ("confirm alice", "every request after it is refused (403)"),
        ("set alice --no-confirmed", "signed-in sessions keep access"),
        ("set alice --confirmed", "every request after it is refused (403)"),
        ("toggle_confirmed alice", "signed-in sessions keep access"),
        ("tag alice x", "the tags have no effect"),
        ("untag alice x", "the tags keep their effect"),
        ("reset_mfa alice", "its settings may show the second factor"),
        ("change_email alice new@peer.example", "the old address is shown"),
        ("set alice --no-admin", "the role may still be shown"),
    ] {
        let done = fixture.run(&format!("user {line}"))?;
        assert_eq!(done.code, 0, "{line}: {done:?}");
        let note = done.stderr.lines().next().unwrap_or_default();
        let first = note.starts_with("note: the change is in the database. A running server");
        assert!(first && note.contains(effect), "{line}: {done:?}");
        assert!(note.ends_with("Restart it to be sure"), "{line}: {done:?}");
    }
    for (line, effect) in [
        ("confirm_all", "refusing every request (403)"),
        ("unconfirm_all", "accepting signed-in sessions"),
    ] {
        let done = fixture.run(&format!("user {line} --dry-run"))?;
        assert!(done.stderr.contains(effect) || done.stdout.contains(effect), "{line}: {done:?}");
    }
    Ok(())
}

#[tokio::test]
async fn the_running_server_is_informed_where_that_is_possible() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = fixture(flavour).await?;
        let done = fixture.run("user set alice --moderator --locked")?;
        let rows = fixture.rows().await?.0;
        let jobs = rows.rows("oban_jobs");
        if flavour == Flavour::Pleroma {
            let alice: uuid::Uuid =
                sqlx::query_scalar("select id from users where nickname = 'alice'")
                    .fetch_one(&fixture.database.pool())
                    .await?;
            let args = json!({"op": "verify_fields_links", "user_id": flake_text(alice)});
            assert_eq!((jobs.len(), &jobs[0]["args"]), (1, &args));
            assert_eq!(done.stderr, "");
        } else {
            assert_eq!(jobs.len(), 0, "{flavour}");
            assert!(done.stderr.starts_with("note: the change is in the database. A"), "{done:?}");
        }
        // Nothing changes, so there is nothing to report.
        let done = fixture.refused("user set alice --moderator --locked").await?;
        assert_eq!(done.stderr, "", "{flavour}");
    }
    Ok(())
}
