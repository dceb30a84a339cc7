//! `user send_confirmation`: the mail of the registration once more, or why not.

use anyhow::{Context as _, Result};
use serde_json::Value;
use testkit::{Flavour, decoded_mail};

use super::{Fixture, redacted};

/// Mails on their way, decoded.
async fn mails(fixture: &Fixture) -> Result<Vec<Value>> {
    let state = fixture.state().await?;
    let encoded =
        state.rows("oban_jobs").iter().filter_map(|job| job["args"]["encoded_email"].as_str());
    encoded.map(|mail| decoded_mail(mail).context("the mail cannot be read")).collect()
}

/// Alice is not confirmed, and has a token and an address.
async fn fixture(flavour: Flavour) -> Result<Fixture> {
    let fixture = Fixture::new(flavour).await?;
    fixture.world.local("alice").await?;
    let done = fixture.run("user toggle_confirmed alice")?;
    anyhow::ensure!(done.stdout.contains("alice needs confirmation"), "{done:?}");
    Ok(fixture)
}

#[tokio::test]
async fn the_mail_has_the_link_that_the_account_has() -> Result<()> {
    for flavour in [Flavour::Pleroma, Flavour::Akkoma] {
        let fixture = fixture(flavour).await?;
        let (code, sent) = fixture.json("user send_confirmation alice")?;
        assert_eq!(code, 0, "{flavour}: {sent}");
        let token: String =
            sqlx::query_scalar("select confirmation_token from users where nickname = 'alice'")
                .fetch_one(&fixture.pool())
                .await?;
        let mails = mails(&fixture).await?;
        let [mail] = mails.as_slice() else { anyhow::bail!("{flavour}: {mails:?}") };
        assert_eq!(mail["to"][0]["tuple"][1], sent["email"], "{flavour}: {mail}");
        let link = token.replace('=', "%3D");
        assert!(mail["html_body"].to_string().contains(&link), "{flavour}: {mail}");
        assert!(mail["subject"].to_string().contains("account confirmation"), "{flavour}: {mail}");
    }
    Ok(())
}

#[tokio::test]
async fn why_none_is_sent() -> Result<()> {
    let fixture = fixture(Flavour::Akkoma).await?;
    for (nickname, change) in [
        ("confirmed", "select"),
        ("tokenless", "update users set is_confirmed = false where nickname = 'tokenless'"),
        (
            "unreachable",
            "update users set is_confirmed = false, confirmation_token = 'x', email = null
             where nickname = 'unreachable'",
        ),
    ] {
        fixture.world.local(nickname).await?;
        fixture.sql(change).await?;
    }
    let _redacted = redacted();
    let mut reported = String::new();
    for nickname in ["confirmed", "tokenless", "unreachable", "ghost"] {
        let line = format!("user send_confirmation {nickname}");
        reported += &fixture.refused(&line).await?.transcript();
    }
    reported += &fixture.run("user send_confirmation alice")?.transcript();
    insta::assert_snapshot!(reported, @r"
    err| error: confirmed is confirmed already; nothing was sent
    exit 4
    err| error: tokenless has no confirmation token, so no link would confirm it; nothing was sent. Confirm it yourself: ostrakon user confirm tokenless
    exit 4
    err| error: unreachable has no e-mail address; nothing was sent. Set one: ostrakon user change_email unreachable ADDRESS
    exit 4
    err| No local user ghost
    exit 3
    out| alice's email sent
    err| note: the server sends it, if its mailer is enabled
    exit 0
    ");
    Ok(())
}

#[tokio::test]
async fn a_server_that_sends_none_is_named() -> Result<()> {
    let fixture = fixture(Flavour::Pleroma22).await?;
    let done = fixture.refused("user send_confirmation alice").await?;
    assert_eq!(done.code, 4, "{done:?}");
    assert!(done.stderr.contains("Pleroma 2.1 and 2.2 does not send mails"), "{done:?}");
    Ok(())
}
