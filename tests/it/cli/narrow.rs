//! Lists on a terminal with 80 columns, and strangers' texts in them.

use anyhow::Result;
use testkit::Flavour;

use super::{Fixture, redacted};

/// Runs a command on a terminal with 80 columns.
fn at_80_columns(fixture: &Fixture, line: &str) -> Result<Vec<String>> {
    let ostrakon = fixture.ostrakon.clone().with("COLUMNS", "80");
    let done = ostrakon.run(&line.split_whitespace().collect::<Vec<_>>())?;
    assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{line}: {done:?}");
    Ok(done.stdout.lines().map(str::to_owned).collect())
}

#[tokio::test]
async fn lists_fit_on_80_columns() -> Result<()> {
    let _redacted = redacted();
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    let name = "a_nickname_of_the_length_that_people_really_have";
    fixture.world.local(name).await?.posts("hello").create().await?;
    fixture.queue(&format!("user delete_activities {name}@peer.example --yes"))?;
    fixture
        .sql(
            "update ostrakon.runs
             set total = 1234567, done = 1234560, parked = 7, created_at = '2026-11-29 22:00Z'",
        )
        .await?;
    fixture.run_words(&["user", "sign_out", name, "--reason", &"because of this ".repeat(9)])?;
    let mut reported = String::new();
    for line in ["runs list", "actions", "config show"] {
        let lines = at_80_columns(&fixture, line)?;
        let widest = lines.iter().map(|line| line.chars().count()).max();
        assert!(widest.is_some_and(|widest| widest <= 80), "{line}: {lines:#?}");
        if line == "runs list" {
            reported = lines.join("\n");
        }
        let everything = lines.join(" ");
        assert!(line == "config show" || everything.contains(name), "{line}: {lines:#?}");
    }
    insta::assert_snapshot!(reported, @"
    RUN                         STATUS  DONE                    CREATED
    <run>  queued  1,234,560 of 1,234,567  2026-11-29 22:00
        delete_activities
        a_nickname_of_the_length_that_people_really_have@peer.example; 7 parked
    ");
    // Output to a file has one line per run.
    assert_eq!(fixture.run("runs list")?.stdout.lines().count(), 2);
    Ok(())
}

#[tokio::test]
async fn nothing_of_a_strangers_text_is_hidden() -> Result<()> {
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    fixture.world.local("alice").await?.posts("hello").create().await?;
    let hidden = "al\u{200b}ice\u{202e}\u{feff}\u{e0041}";
    sqlx::query("update users set name = $1 where nickname = 'alice'")
        .bind(hidden)
        .execute(&fixture.database.pool())
        .await?;
    let run = fixture.queue("user delete_activities alice --yes")?;
    fixture.run_words(&["user", "sign_out", "alice", "--reason", hidden])?;
    sqlx::query("insert into ostrakon.parked_items (run_id, item, reason) values ($1, $2, $2)")
        .bind(&run)
        .bind(hidden)
        .execute(&fixture.database.pool())
        .await?;
    let shown = "al\u{fffd}ice\u{fffd}\u{fffd}\u{fffd}";
    for line in ["user show alice", &format!("runs show {run}"), "actions"] {
        let done = fixture.run(line)?;
        assert!(done.stdout.contains(shown), "{line}: {done:?}");
        let json = fixture.run(&format!("{line} --json"))?.stdout;
        assert!(!json.contains('\u{200b}') && !json.contains('\u{e0041}'), "{line}: {json}");
    }
    let actions: serde_json::Value = serde_json::from_str(&fixture.run("actions --json")?.stdout)?;
    assert_eq!(actions["reason"], hidden, "JSON loses nothing");
    for words in [["user", "show", hidden], ["user", "rm", hidden], ["user", hidden, "x"]] {
        let done = fixture.run_words(&words)?;
        assert!(!done.stderr.contains('\u{200b}') && done.code > 1, "{done:?}");
    }
    Ok(())
}
