//! What neither the ledger nor the log contains, whatever runs and at whatever log level.

use anyhow::Result;
use testkit::State;

use super::{FLAVOURS, Fixture};

const COMMANDS: [&str; 7] = [
    "user new carol private-mail@peer.example -y --password Zx83sesame",
    "user change_email carol private-mail-2@peer.example",
    "user reset_password carol",
    "user reset_mfa carol",
    "user invite",
    "user unconfirm_all --inline --yes",
    "user sign_out carol",
];

/// Secrets in the server's tables by now.
fn secrets(rows: &State) -> Vec<String> {
    let columns = [
        ("users", "password_hash"),
        ("users", "keys"),
        ("users", "confirmation_token"),
        ("signing_keys", "private_key"),
        ("password_reset_tokens", "token"),
        ("user_invite_tokens", "token"),
    ];
    let texts = columns.iter().flat_map(|(table, column)| {
        rows.rows(table).iter().filter_map(|row| row[*column].as_str())
    });
    // Of a key with several lines: the first line that is not the same in all keys.
    let lines = texts.filter_map(|text| text.lines().find(|line| !line.contains("BEGIN")));
    lines.filter(|line| line.len() > 20).map(str::to_owned).collect()
}

#[tokio::test]
async fn the_ledger_and_the_log_hold_nothing_private() -> Result<()> {
    for flavour in FLAVOURS {
        let mut fixture = Fixture::new(flavour).await?;
        // No server is running whose deliveries could be awaited.
        fixture.ostrakon = fixture.ostrakon.with("OSTRAKON_SERVER_PUBLISH_WAIT", "0s");
        fixture.world.local("alice").await?;
        let mut log = String::new();
        for line in COMMANDS {
            let done = fixture.run(&format!("{line} -vv"))?;
            assert_eq!(done.code, 0, "{line}: {done:?}");
            log.push_str(&done.stderr);
        }
        let mut private = secrets(&fixture.rows().await?.0);
        assert!(private.len() >= 4, "{flavour}: {private:?}");
        private.extend(["private-mail", "Zx83sesame"].map(str::to_owned));
        let done = fixture.run("user rm carol --inline --yes -vv")?;
        assert_eq!(done.code, 0, "{done:?}");
        log.push_str(&done.stderr);
        assert!(log.contains("insert into public.users"), "no log at the lowest level");
        let dump = "select schema_to_xml('ostrakon', true, false, '')::text";
        let ledger: String = sqlx::query_scalar(dump).fetch_one(&fixture.database.pool()).await?;
        assert!(ledger.contains("carol"), "the ledger was not read");
        for text in private {
            assert!(!ledger.contains(&text), "{flavour}: the ledger holds {text}");
            assert!(!log.contains(&text), "{flavour}: the log holds {text}");
        }
    }
    Ok(())
}
