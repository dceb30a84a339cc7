//! What a new account finds: follow relations, mails on their way, and what the staff sees.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use testkit::{Account, Flavour, State, decoded_mail, flake_text};
use uuid::Uuid;

use super::{FLAVOURS, Fixture};

const NEW: &str = "user new alice a@peer.example -y";

/// Mails on their way, decoded.
fn mails(state: &State) -> Result<Vec<Value>> {
    let jobs = state.rows("oban_jobs").iter();
    jobs.filter(|job| job["args"]["op"] == "email")
        .map(|job| {
            let encoded = job["args"]["encoded_email"].as_str().context("no mail")?;
            decoded_mail(encoded).context("the mail cannot be read")
        })
        .collect()
}

async fn id_of(fixture: &Fixture, nickname: &str) -> Result<Uuid> {
    Ok(sqlx::query_scalar("select id from users where nickname = $1::citext")
        .bind(nickname)
        .fetch_one(&fixture.database.pool())
        .await?)
}

/// Accepted relations, as follower and followed account.
fn relations(state: &State) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rows = state.rows("following_relationships").iter().filter(|row| row["state"] == 2);
    let mut all: Vec<_> =
        rows.map(|row| (text(&row["follower_id"]), text(&row["following_id"]))).collect();
    all.sort();
    all
}

/// A server whose new accounts follow others and are followed, with accounts that must be left out.
async fn sociable(flavour: Flavour) -> Result<(Fixture, [Account; 5])> {
    let mut fixture = Fixture::new(flavour).await?;
    // Alice is named as well: an account never follows itself.
    fixture.ostrakon = fixture
        .ostrakon
        .with(
            "OSTRAKON_REGISTRATION_AUTOFOLLOWED_NICKNAMES",
            "BOB,both,gone,alice,carl@far.example,nobody",
        )
        .with("OSTRAKON_REGISTRATION_AUTOFOLLOWING_NICKNAMES", "dora,both,gone");
    let world = &fixture.world;
    let bob = world.local("bob").await?;
    let dora = world.local("dora").await?;
    let both = world.local("both").await?;
    let gone = world.local("gone").await?;
    gone.is_deactivated().await?;
    let carl = world.remote("carl", "far.example").await?;
    bob.follows(&dora).await?;
    Ok((fixture, [bob, dora, both, gone, carl]))
}

#[tokio::test]
async fn the_configured_follows_are_made() -> Result<()> {
    for flavour in FLAVOURS {
        let (fixture, [bob, dora, both, gone, carl]) = sociable(flavour).await?;
        let before = fixture.rows().await?.0;
        let (code, done) = fixture.json(NEW)?;
        assert_eq!((code, &done["follow_relations"]), (0, &json!(4)), "{flavour}");
        let after = fixture.rows().await?.0;
        let alice = id_of(&fixture, "alice").await?.to_string();
        let id = |account: &Account| account.id().to_string();
        let mut expected = relations(&before);
        expected.extend([
            (alice.clone(), id(&bob)),
            (alice.clone(), id(&both)),
            (id(&dora), alice.clone()),
            (id(&both), alice.clone()),
        ]);
        expected.sort();
        assert_eq!(relations(&after), expected, "{flavour}");
        for (account, followers, following) in
            [(&bob, 1, 1), (&dora, 1, 1), (&both, 1, 1), (&gone, 0, 0), (&carl, 0, 0)]
        {
            let counters =
                (account.column("follower_count").await?, account.column("following_count").await?);
            assert_eq!(counters, (json!(followers), json!(following)), "{flavour}");
        }
        assert_eq!(after.rows("activities"), before.rows("activities"), "{flavour}");
        let row = after.rows("users").iter().find(|row| row["id"] == alice).context("no alice")?;
        assert_eq!((&row["follower_count"], &row["following_count"]), (&json!(2), &json!(2)));
        // The new account is reloaded as well: the server's cache may have another one of that
        // name.
        let jobs = after.rows("oban_jobs").iter();
        let reported: Vec<_> =
            jobs.filter(|job| job["args"]["op"] == "verify_fields_links").collect();
        let users: Vec<_> = reported.iter().map(|job| &job["args"]["user_id"]).collect();
        let new = json!(flake_text(alice.parse()?));
        let of_all = [&bob, &dora, &both].map(|account| json!(flake_text(account.id())));
        let of_all: Vec<_> = std::iter::once(&new).chain(&of_all).collect();
        let expected = if flavour == Flavour::Pleroma { of_all } else { vec![] };
        assert_eq!(users, expected, "{flavour}");
    }
    Ok(())
}

#[tokio::test]
async fn a_block_keeps_apart_and_a_relation_is_made_once() -> Result<()> {
    let (fixture, [bob, dora, both, ..]) = sociable(Flavour::Akkoma).await?;
    let alice = fixture.world.local("alice").await?;
    fixture.sql("update users set is_confirmed = false where nickname = 'alice'").await?;
    bob.blocks(&alice).await?;
    alice.blocks(&dora).await?;
    alice.follows(&both).await?;
    let (code, done) = fixture.json("user confirm alice")?;
    assert_eq!((code, &done["follow_relations"]), (0, &json!(1)));
    let (alice, both) = (alice.id().to_string(), both.id().to_string());
    let all = relations(&fixture.rows().await?.0);
    let of_alice: Vec<_> = all.into_iter().filter(|(a, b)| *a == alice || *b == alice).collect();
    let mut expected = vec![(alice.clone(), both.clone()), (both, alice)];
    expected.sort();
    assert_eq!(of_alice, expected);
    Ok(())
}

#[tokio::test]
async fn a_mail_asks_to_confirm_with_the_accounts_own_link() -> Result<()> {
    for flavour in [Flavour::Pleroma, Flavour::Akkoma] {
        let (mut fixture, [bob, ..]) = sociable(flavour).await?;
        fixture.ostrakon = fixture
            .ostrakon
            .with("OSTRAKON_REGISTRATION_ACCOUNT_ACTIVATION_REQUIRED", "true")
            .with("OSTRAKON_SERVER_NAME", "Tom & \"Co\"");
        let (code, _) = fixture.json(&format!("{NEW} --name <Alice>"))?;
        assert_eq!(code, 0, "{flavour}");
        let after = fixture.rows().await?.0;
        let [mail] = &mails(&after)?[..] else { anyhow::bail!("{flavour}: not one mail") };
        assert_eq!(mail["subject"], "Tom & \"Co\" account confirmation");
        assert_eq!(mail["to"], json!([{ "tuple": ["<Alice>", "a@peer.example"] }]));
        // No sender of mails is configured.
        assert_eq!(mail["from"], json!({ "tuple": ["Tom & \"Co\"", "noreply@peer.example"] }));
        let id = id_of(&fixture, "alice").await?;
        let token: String =
            sqlx::query_scalar("select confirmation_token from users where id = $1")
                .bind(id)
                .fetch_one(&fixture.database.pool())
                .await?;
        let link = format!(
            "href=\"https://peer.example/api/account/confirm_email/{}/{}\"",
            flake_text(id),
            token.replace('=', "%3D")
        );
        let body = mail["html_body"].as_str().unwrap_or_default();
        assert!(body.contains(&link), "{body}");
        assert!(body.contains("Tom &amp; &quot;Co&quot;"), "{body}");
        // An account that is not confirmed follows no account yet.
        assert_eq!(bob.column("follower_count").await?, 0, "{flavour}");
    }
    Ok(())
}

#[tokio::test]
async fn the_staff_hears_of_an_account_that_waits() -> Result<()> {
    for flavour in FLAVOURS {
        let (mut fixture, [bob, ..]) = sociable(flavour).await?;
        fixture.ostrakon =
            fixture.ostrakon.with("OSTRAKON_REGISTRATION_ACCOUNT_APPROVAL_REQUIRED", "true");
        fixture
            .sql("update users set is_moderator = true where nickname in ('bob', 'gone')")
            .await?;
        fixture.sql("update users set is_admin = true where nickname in ('dora', 'both')").await?;
        fixture.sql("update users set email = null where nickname = 'both'").await?;
        // The staff is notified before the new admin belongs to it.
        assert_eq!(fixture.json(&format!("{NEW} --admin"))?.0, 0, "{flavour}");
        let after = fixture.rows().await?.0;
        let alice = after.rows("users").iter().find(|row| row["nickname"] == "alice");
        let alice = alice.context("no alice")?;
        assert_eq!(bob.column("follower_count").await?, 0, "{flavour}");
        if flavour == Flavour::Pleroma22 {
            assert_eq!(alice["approval_pending"], true);
            assert!(after.rows("oban_jobs").is_empty());
            continue;
        }
        assert_eq!(alice["is_approved"], false, "{flavour}");
        let mails = mails(&after)?;
        let to: Vec<&Value> = mails.iter().map(|mail| &mail["to"][0]["tuple"][1]).collect();
        let expected = ["a", "bob", "dora", "gone"].map(|name| format!("{name}@peer.example"));
        assert_eq!(to, expected.iter().collect::<Vec<_>>(), "{flavour}");
        assert_eq!(mails[0]["subject"], "Your account is awaiting approval");
        let id: Uuid = alice["id"].as_str().unwrap_or_default().parse()?;
        for mail in &mails[1..] {
            assert_eq!(mail["subject"], "New account up for review on peer.example (@alice)");
            let body = mail["html_body"].as_str().unwrap_or_default();
            for address in [
                "https://peer.example/users/alice".to_owned(),
                format!("https://peer.example/pleroma/admin/#/users/{}/", flake_text(id)),
            ] {
                assert!(body.contains(&format!("href=\"{address}\"")), "{body}");
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn mails_go_to_the_queue_that_the_release_has() -> Result<()> {
    for (flavour, drop, expected) in [
        (Flavour::Pleroma, false, ("background", 20)),
        (Flavour::Pleroma, true, ("mailer", 1)),
        (Flavour::Akkoma, false, ("mailer", 1)),
    ] {
        let fixture = Fixture::new(flavour).await?;
        fixture.world.local("bob").await?;
        if drop {
            // Removes what Pleroma 2.7 introduced.
            fixture
                .sql(
                    "delete from schema_migrations where version = 20240527144418;
                     drop table bookmark_folders cascade; drop table rich_media_card;
                     comment on table oban_jobs is '11'",
                )
                .await?;
        }
        assert_eq!(fixture.json(NEW)?.0, 0);
        let after = fixture.rows().await?.0;
        let is_mail = |job: &&Value| job["worker"] == "Pleroma.Workers.MailerWorker";
        let mails: Vec<&Value> = after.rows("oban_jobs").iter().filter(is_mail).collect();
        let [job] = mails[..] else { anyhow::bail!("not one mail") };
        let (queue, attempts) = expected;
        assert_eq!((&job["queue"], &job["max_attempts"]), (&json!(queue), &json!(attempts)));
    }
    Ok(())
}

#[tokio::test]
async fn the_staff_can_have_it_in_its_log() -> Result<()> {
    let fixture = Fixture::new(Flavour::Akkoma).await?;
    let boss = fixture.world.local("boss").await?;
    let line = format!("{NEW} --moderator --admin --as Boss --reason \"new\"");
    let done = fixture.refused(&line).await?;
    assert!(done.code == 4 && done.stderr.contains("--as Boss"), "{done:?}");
    fixture.sql("update users set is_moderator = true").await?;
    assert_eq!(fixture.run(&line)?.code, 0);
    let alice = id_of(&fixture, "alice").await?;
    let person = |id, nickname| json!({"id": flake_text(id), "nickname": nickname, "type": "user"});
    let (boss, alice) = (person(boss.id(), "boss"), person(alice, "alice"));
    let log = fixture.rows().await?.0.rows("moderation_log").to_vec();
    let data: Vec<&Value> = log.iter().map(|row| &row["data"]).collect();
    let right = |name: &str| {
        json!({"action": "grant", "actor": boss, "subject": [alice], "permission": name,
            "message": format!("@boss made @alice {name}")})
    };
    let create = json!({"action": "create", "actor": boss, "subjects": [alice],
        "message": "@boss created users: @alice"});
    assert_eq!(data, [&create, &right("moderator"), &right("admin")]);
    Ok(())
}
