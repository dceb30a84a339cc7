//! `ostrakon user new`: addresses and keys of the new account, and where they are stored.

use anyhow::Result;
use testkit::{Flavour, Ostrakon};

use super::fixture;
use crate::cli::{FLAVOURS, Fixture};

/// Reads a column of the new account as text.
async fn column(fixture: &Fixture, nickname: &str, column: &str) -> Result<Option<String>> {
    Ok(sqlx::query_scalar("select to_jsonb(u) ->> $2 from users u where nickname = $1::citext")
        .bind(nickname)
        .bind(column)
        .fetch_one(&fixture.database.pool())
        .await?)
}

#[tokio::test]
async fn without_an_account_the_address_must_be_given() -> Result<()> {
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    let line = "user new alice a@social.example -y --password x";
    let done = fixture.refused(line).await?;
    assert_eq!((done.stdout.as_str(), done.code), ("", 2), "{done:?}");
    assert!(done.stderr.contains("error: the server's address is unknown"), "{done:?}");
    let done = fixture.run(&format!("{line} --instance-url https://social.example:8443"))?;
    assert_eq!(done.code, 0, "{done:?}");
    for (name, address) in [
        ("ap_id", "https://social.example:8443/users/alice"),
        ("featured_address", "https://social.example:8443/users/alice/collections/featured"),
    ] {
        assert_eq!(column(&fixture, "alice", name).await?.as_deref(), Some(address));
    }
    Ok(())
}

#[tokio::test]
async fn keys_are_where_the_server_looks_for_them() -> Result<()> {
    let line = "user new alice a@peer.example -y --password x";
    let begins = |key: Option<String>| key.is_some_and(|key| key.starts_with("-----BEGIN RSA"));
    for flavour in FLAVOURS {
        let fixture = fixture(flavour).await?;
        assert_eq!(fixture.run(line)?.code, 0);
        if flavour == Flavour::Akkoma {
            // For a while, Akkoma had both places, and used the table.
            fixture.sql("alter table users add column keys text").await?;
            Ostrakon::renew_least_rights(&fixture.database).await?;
            assert_eq!(fixture.run(&line.replace("alice", "carol").replace("a@", "c@"))?.code, 0);
            assert_eq!(column(&fixture, "carol", "keys").await?, None);
            let keys: Vec<(String, String)> = sqlx::query_as(
                "select key_id, public_key from signing_keys where key_id not like '%/bob#%'
                 and private_key like '-----BEGIN RSA PRIVATE KEY-----%' order by 1",
            )
            .fetch_all(&fixture.database.pool())
            .await?;
            let ids: Vec<&str> = keys.iter().map(|(id, _)| id.as_str()).collect();
            let of = |nickname| format!("https://peer.example/users/{nickname}#main-key");
            assert_eq!(ids, [of("alice"), of("carol")]);
            assert!(keys.iter().all(|(_, public)| public.ends_with("PUBLIC KEY-----\n\n")));
        } else {
            let key = column(&fixture, "alice", "keys").await?;
            assert_eq!(begins(key), flavour == Flavour::Pleroma, "{flavour}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_older_pleroma_lacks_columns() -> Result<()> {
    let fixture = fixture(Flavour::Pleroma22).await?;
    fixture.sql("alter table users drop column accepts_chat_messages").await?;
    let done = fixture.run("user new alice a@peer.example -y --password x")?;
    assert_eq!(done.code, 0, "{done:?}");
    Ok(())
}

/// The running server's cache may have a removed account of the same name.
#[tokio::test]
async fn a_new_account_is_read_anew_where_that_is_possible() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = fixture(flavour).await?;
        let done = fixture.run("user new alice a@peer.example -y --password x")?;
        assert_eq!(done.code, 0, "{done:?}");
        assert!(!done.stderr.contains("running server"), "nothing is stale: {done:?}");
        let asked: bool = sqlx::query_scalar(
            "select exists (select from oban_jobs where args ->> 'op' = 'verify_fields_links')",
        )
        .fetch_one(&fixture.database.pool())
        .await?;
        assert_eq!(asked, flavour == Flavour::Pleroma, "{flavour}");
    }
    Ok(())
}
