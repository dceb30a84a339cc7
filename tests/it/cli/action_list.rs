//! `ostrakon actions`: which commands ran, by whom, and why.

use anyhow::Result;
use serde_json::{Value, json};
use testkit::Flavour;

use super::{Fixture, redacted};

#[tokio::test]
async fn what_was_done_at_once_is_reported_with_who_and_why() -> Result<()> {
    let _redacted = redacted();
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    fixture.world.local("alice").await?;
    fixture.world.local("boss").await?;
    fixture.sql("update users set is_admin = true where nickname = 'boss'").await?;
    assert_eq!(fixture.run("actions")?.stderr, "No actions.\n");
    fixture.run_words(&["user", "sign_out", "Alice", "--reason", "lost phone"])?;
    fixture.run("user set alice --locked --as boss --reason spam")?;
    fixture.run("user reset_password boss")?;
    // Refused commands are not listed.
    fixture.run("user sign_out ghost")?;

    // The width of a column depends on the machine's name.
    let reported = fixture.run("actions")?.transcript();
    let words: Vec<String> = reported
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    insta::assert_snapshot!(words.join("
"), @"
    out| AT COMMAND SUBJECT BY ROLE AS REASON
    out| <time> UTC reset_password boss tester@<machine> ostrakon_least - -
    out| <time> UTC set alice tester@<machine> ostrakon_least boss spam
    out| <time> UTC sign_out Alice tester@<machine> ostrakon_least - lost phone
    exit 0
    ");
    let listed = fixture.run("actions --subject ALICE --limit 1 --json")?;
    let action: Value = serde_json::from_str(&listed.stdout)?;
    assert_eq!(action["command"], "set");
    assert_eq!(action["on_behalf_of"], "boss");
    assert_eq!(action["detail"], json!({ "set": { "locked": true }, "changed": ["locked"] }));
    let secrets: Vec<String> = sqlx::query_scalar("select token from password_reset_tokens")
        .fetch_all(&fixture.database.pool())
        .await?;
    assert!(!secrets.is_empty());
    let everything = fixture.run("actions --json")?.stdout;
    assert!(secrets.iter().all(|secret| !everything.contains(secret)), "{everything}");
    Ok(())
}

#[tokio::test]
async fn without_its_tables_there_is_nothing_to_tell() -> Result<()> {
    let fixture = Fixture::without_ledger(Flavour::Pleroma).await?;
    let done = fixture.run("actions")?;
    assert_eq!(done.code, 4, "{done:?}");
    assert!(done.stderr.contains("ostrakon migrate"), "{done:?}");
    Ok(())
}
