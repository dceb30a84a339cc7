//! Frozen selections: what is kept, what has changed since, editing, exporting, reading again.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use testkit::Flavour;
use uuid::Uuid;

use super::{Fixture, community, expected};
use testkit::flake_text;

/// Ids in the ledger.
async fn kept(fixture: &Fixture, name: &str) -> Result<std::collections::BTreeSet<String>> {
    let ids: Vec<Uuid> =
        sqlx::query_scalar("select account from ostrakon.selection_accounts where selection = $1")
            .bind(name)
            .fetch_all(&fixture.pool())
            .await?;
    Ok(ids.into_iter().map(flake_text).collect())
}

fn objects(stdout: &str) -> Result<Vec<Value>> {
    Ok(stdout.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
}

/// The last object that a command prints.
fn summary(fixture: &Fixture, line: &str) -> Result<Value> {
    let done = fixture.run(&format!("{line} --json"))?;
    assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{line}");
    objects(&done.stdout)?.pop().context("no object")
}

#[tokio::test]
async fn a_selection_is_frozen_exported_and_read_again() -> Result<()> {
    let fixture = community(Flavour::Pleroma).await?;
    let (wanted, _) = expected(&fixture, "local and inserted_at::date = '2025-11-21'").await?;
    let line = "select --local --created 2025-11-21 --save wave1 --reason ticket";
    let done = fixture.run(line)?;
    assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{done:?}");
    assert!(done.stdout.ends_with(&format!("Saved as wave1: {} accounts.\n", wanted.len())));
    assert_eq!(kept(&fixture, "wave1").await?, wanted);

    // What registers later is not in it.
    fixture.sql("update users set inserted_at = '2025-11-21' where local").await?;
    let shown = summary(&fixture, "select show wave1")?;
    assert_eq!((&shown["accounts"], &shown["changed"]), (&json!(wanted.len()), &json!(0)));
    assert_eq!(shown["reason"], "ticket");
    assert!(shown["requested_by"].as_str().is_some_and(|by| by.starts_with("tester@")));

    let exported = fixture.run("select export wave1")?;
    assert!(exported.stdout.starts_with("nickname,id,created_at\n"), "{exported:?}");
    assert!(!exported.stdout.contains("x.example"), "an e-mail address");
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), &exported.stdout)?;
    let again = format!("select --save wave2 --from-file {}", file.path().display());
    let again = summary(&fixture, &again)?;
    assert_eq!((&again["digest"], &again["selection"]), (&shown["digest"], &json!("wave2")));
    assert_eq!(kept(&fixture, "wave2").await?, wanted);
    let objects = objects(&fixture.run("select export wave2 --json")?.stdout)?;
    assert!(objects.iter().all(|object| object["command"] == "select_export"));
    assert_eq!(objects.len(), wanted.len());

    let listed = fixture.run("select list")?;
    let names: Vec<_> =
        listed.stdout.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(names, ["NAME", "wave2", "wave1"], "{listed:?}");
    assert!(listed.stdout.contains("--local, created from 2025-11-21 00:00"), "{listed:?}");
    Ok(())
}

/// A server with accounts whose names say what becomes of them.
async fn small() -> Result<Fixture> {
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    for nickname in ["same", "posts", "confirmed", "renamed", "boss", "gone", "off", "other", "on"]
    {
        fixture.world.local(nickname).await?;
    }
    fixture.world.remote("far", "far.example").await?;
    fixture
        .sql(
            "update users set is_confirmed = false where nickname <> 'other';
             update users set is_active = false where nickname = 'on'",
        )
        .await?;
    Ok(fixture)
}

#[tokio::test]
async fn what_has_changed_since_is_said_and_left_out() -> Result<()> {
    let fixture = small().await?;
    let saved = summary(&fixture, "select --unconfirmed --never-posted --save w")?;
    assert_eq!(saved["accounts"], 8);
    let edited = summary(&fixture, "select edit w --add other --add far@far.example")?;
    assert_eq!((&edited["accounts"], &edited["added"]), (&json!(10), &json!(2)));
    let posts: Uuid = sqlx::query_scalar("select id from users where nickname = 'posts'")
        .fetch_one(&fixture.pool())
        .await?;
    fixture
        .sql(
            "update users set is_confirmed = true where nickname = 'confirmed';
             update users set nickname = 'new_name' where nickname = 'renamed';
             update users set is_admin = true where nickname = 'boss';
             delete from users where nickname = 'gone';
             update users set is_active = nickname = 'on' where nickname in ('on', 'off');
             update users set note_count = 1 where nickname = 'posts'",
        )
        .await?;
    let done = fixture.run("select show w --json")?;
    let objects = objects(&done.stdout)?;
    let changed: BTreeMap<&str, &str> = objects
        .iter()
        .filter_map(|object| Some((object["nickname"].as_str()?, object["changed"].as_str()?)))
        .collect();
    let reasons = [
        ("boss", "it is an admin or moderator"),
        ("confirmed", "its address is confirmed"),
        ("gone", "it does not exist any more"),
        ("on", "it was activated"),
        ("posts", "it has posted"),
        ("renamed", "its nickname is new_name"),
    ];
    assert_eq!(changed, BTreeMap::from(reasons));
    let ids = objects.iter().find(|object| object["nickname"] == "posts").map(|o| &o["id"]);
    assert_eq!(ids, Some(&json!(flake_text(posts))));
    let same = objects.iter().filter(|object| object["command"] == "select");
    let same: Vec<_> = same.filter_map(|object| object["nickname"].as_str()).collect();
    assert_eq!(same, ["far@far.example", "off", "other", "same"]);
    let summary = objects.last().context("no summary")?;
    assert_eq!((&summary["changed"], &summary["deactivated_since"]), (&json!(6), &json!(1)));

    let shown = fixture.run("select show w")?;
    for line in [
        "Changed since, and left out: 6 accounts:",
        "  posts: it has posted\n",
        "included: 1 account.",
    ] {
        assert!(shown.stdout.contains(line), "{line}: {shown:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_selection_is_edited_and_dropped() -> Result<()> {
    let fixture = small().await?;
    let first = summary(&fixture, "select --nick *o* --save w")?;
    let edited =
        summary(&fixture, "select edit w --remove POSTS --remove @off --add far@far.example")?;
    let figures = [&edited["added"], &edited["removed"], &edited["accounts"]];
    assert_eq!(figures, [1, 2, first["accounts"].as_i64().unwrap_or_default() - 1]);
    assert_ne!(edited["digest"], first["digest"]);
    let back = summary(&fixture, "select edit w --add posts --add off --remove far@far.example")?;
    assert_eq!(back["digest"], first["digest"]);

    let before = fixture.run("select export w")?.stdout;
    fixture.sql("update users set is_moderator = true where nickname = 'same'").await?;
    for (line, code, reason) in [
        ("select --local --save w", 4, "a selection w exists"),
        ("select --nick nobody* --save w2", 3, "nothing was saved"),
        ("select --local --save w/2", 2, "letters, digits"),
        ("select --local --save=-w", 2, "letters, digits"),
        ("select --local --reason x", 2, "--save"),
        ("select show ghost", 3, "No selection ghost"),
        ("select export ghost", 3, "No selection ghost"),
        ("select edit ghost --add same", 3, "No selection ghost"),
        ("select drop ghost", 3, "No selection ghost"),
        ("select edit w", 2, "--add"),
        ("select edit w --add ghost --remove off", 3, "No user ghost"),
        ("select edit w --add same --remove off", 4, "same is an admin or moderator"),
        ("select edit w --remove far@far.example", 3, "No user far@far.example in selection w"),
    ] {
        let done = fixture.run(line)?;
        assert_eq!((done.code, done.stdout.as_str()), (code, ""), "{line}: {done:?}");
        assert!(done.stderr.contains(reason), "{line}: {done:?}");
    }
    assert_eq!(fixture.run("select export w")?.stdout, before);

    let dropped = fixture.run("select drop w")?;
    assert_eq!(dropped.code, 0, "{dropped:?}");
    let none = fixture.run("select list")?;
    assert_eq!(
        (none.code, none.stdout.as_str(), none.stderr.as_str()),
        (0, "", "No selections.\n")
    );
    let actions = objects(&fixture.run("actions --subject w --json")?.stdout)?;
    let commands: Vec<_> = actions.iter().filter_map(|action| action["command"].as_str()).collect();
    assert_eq!(commands, ["select_drop", "select_edit", "select_edit", "select_save"]);
    let kept: i64 = sqlx::query_scalar("select count(*) from ostrakon.selection_accounts")
        .fetch_one(&fixture.pool())
        .await?;
    assert_eq!(kept, 0);
    Ok(())
}

#[tokio::test]
async fn a_selection_needs_the_ledger() -> Result<()> {
    let fixture = Fixture::without_ledger(Flavour::Akkoma).await?;
    fixture.world.local("alice").await?;
    for line in ["select --local --save w", "select list", "select show w", "select drop w"] {
        let done = fixture.run(line)?;
        assert!(done.code == 4 && done.stderr.contains("ostrakon migrate"), "{line}: {done:?}");
    }
    assert_eq!(fixture.run("select --local")?.code, 0);
    Ok(())
}
