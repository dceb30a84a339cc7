//! `ostrakon actions`: who did what, and why.

use anyhow::Result;
use serde_json::{Value, json};
use testkit::Flavour;

use super::{House, redacted};

#[tokio::test]
async fn what_was_done_at_once_is_told_with_who_and_why() -> Result<()> {
    let _redacted = redacted();
    let house = House::new(Flavour::Pleroma).await?;
    house.world.local("alice").await?;
    house.world.local("boss").await?;
    house.sql("update users set is_admin = true where nickname = 'boss'").await?;
    assert_eq!(house.run("actions")?.stderr, "No actions.\n");
    house.run_words(&["user", "sign_out", "Alice", "--reason", "lost phone"])?;
    house.run("user set alice --locked --as boss --reason spam")?;
    house.run("user reset_password boss")?;
    // What was refused is not there.
    house.run("user sign_out ghost")?;

    // The machine's name decides how wide a column is.
    let told = house.run("actions")?.transcript();
    let words: Vec<String> =
        told.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    insta::assert_snapshot!(words.join("
"), @"
    out| AT COMMAND SUBJECT BY ROLE AS REASON
    out| <time> UTC reset_password boss tester@<machine> ostrakon_least - -
    out| <time> UTC set alice tester@<machine> ostrakon_least boss spam
    out| <time> UTC sign_out Alice tester@<machine> ostrakon_least - lost phone
    exit 0
    ");
    let listed = house.run("actions --subject ALICE --limit 1 --json")?;
    let action: Value = serde_json::from_str(&listed.stdout)?;
    assert_eq!(action["command"], "set");
    assert_eq!(action["on_behalf_of"], "boss");
    assert_eq!(action["detail"], json!({ "set": { "locked": true }, "changed": ["locked"] }));
    let secrets: Vec<String> = sqlx::query_scalar("select token from password_reset_tokens")
        .fetch_all(&house.database.pool())
        .await?;
    assert!(!secrets.is_empty());
    let everything = house.run("actions --json")?.stdout;
    assert!(secrets.iter().all(|secret| !everything.contains(secret)), "{everything}");
    Ok(())
}

#[tokio::test]
async fn without_its_tables_there_is_nothing_to_tell() -> Result<()> {
    let house = House::without_ledger(Flavour::Pleroma).await?;
    let done = house.run("actions")?;
    assert_eq!(done.code, 4, "{done:?}");
    assert!(done.stderr.contains("ostrakon migrate"), "{done:?}");
    Ok(())
}
