//! `user tag` and `user untag`.

use anyhow::Result;
use serde_json::{Value, json};
use testkit::{Flavour, flake_text};

use super::{FLAVOURS, Fixture};

async fn tags(fixture: &Fixture, nickname: &str) -> Result<Option<Vec<String>>> {
    let row = sqlx::query_scalar("select tags from users where nickname = $1::citext");
    Ok(row.bind(nickname).fetch_one(&fixture.database.pool()).await?)
}

#[tokio::test]
async fn tags_are_added_once_and_in_lower_case() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = Fixture::new(flavour).await?;
        fixture.world.local("alice").await?;
        fixture.sql("update users set tags = null").await?;
        let done = fixture.refused("user tag alice").await?;
        assert_eq!((done.stdout.as_str(), done.code), ("Tags of alice: []\n", 0), "{flavour}");
        assert_eq!(tags(&fixture, "alice").await?, None, "{flavour}");

        let words = [
            "user",
            "tag",
            "ALICE",
            "B",
            "Ä b",
            "b",
            "",
            r#"say "x" \ #{y}"#,
            "'; drop table users; --",
        ];
        let done = fixture.run_words(&words)?;
        let expected = ["b", "ä b", "", r#"say "x" \ #{y}"#, "'; drop table users; --"];
        let line =
            r#"Tags of alice: ["b", "ä b", "", "say \"x\" \\ \#{y}", "'; drop table users; --"]"#;
        assert_eq!((done.stdout, done.code), (format!("{line}\n"), 0), "{flavour}");
        let stored = tags(&fixture, "alice").await?.unwrap_or_default();
        assert_eq!(stored, expected, "{flavour}");

        let done = fixture.refused("user tag alice B").await?;
        assert_eq!((done.stdout, done.stderr.as_str()), (format!("{line}\n"), ""), "{flavour}");
        let words = ["user", "untag", "alice", "", "Ä B", "nothing", "b"];
        assert_eq!(fixture.run_words(&words)?.code, 0);
        assert_eq!(tags(&fixture, "alice").await?.unwrap_or_default(), expected[3..], "{flavour}");
    }
    Ok(())
}

#[tokio::test]
async fn what_is_stored_can_be_shown_and_taken_away() -> Result<()> {
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    fixture.world.local("alice").await?;
    fixture
        .sql("update users set tags = array[E'a\\nb', E'c\\x01', 'twice', 'Upper', 'twice']")
        .await?;
    let done = fixture.run_words(&["user", "untag", "alice", "a\nb", "twice", "Upper"])?;
    let line = "Tags of alice: [<<99, 1>>, \"Upper\", \"twice\"]\n";
    assert_eq!((done.stdout.as_str(), done.code), (line, 0), "{done:?}");
    Ok(())
}

#[tokio::test]
async fn tags_that_make_no_sense_are_refused() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = Fixture::new(flavour).await?;
        fixture.world.local("alice").await?;
        let before = fixture.rows().await?;
        for tag in
            ["x".repeat(256), "x".repeat(10_000), "a\u{1b}[2Jb".to_owned(), "a\nb".to_owned()]
        {
            let done = fixture.run_words(&["user", "tag", "alice", "fine", &tag])?;
            assert_eq!((done.code, done.stdout.as_str()), (2, ""), "{flavour}: {done:?}");
            assert!(done.stderr.len() < 200 && !done.stderr.contains('\u{1b}'), "{done:?}");
        }
        assert!(before == fixture.rows().await?, "{flavour}");
        let longest = "ü".repeat(255);
        assert_eq!(fixture.run_words(&["user", "tag", "alice", &longest])?.code, 0, "{flavour}");
    }
    Ok(())
}

#[tokio::test]
async fn the_moderation_log_has_the_servers_entries() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = Fixture::new(flavour).await?;
        let boss = fixture.world.local("boss").await?;
        fixture.world.remote("bob", "far.example").await?;
        fixture.sql("update users set is_moderator = true where nickname = 'boss'").await?;
        fixture.run("user tag bob@far.example A b --as boss")?;
        fixture.run("user tag bob@far.example a --as boss")?;
        fixture.run("user untag bob@far.example a --as boss")?;
        let actor = json!({"id": flake_text(boss.id()), "nickname": "boss", "type": "user"});
        let entry = |action: &str, tags: Value, message: &str| {
            json!({"actor": actor, "action": action, "nicknames": ["bob@far.example"], "tags": tags,
                   "message": message})
        };
        let rows: Vec<Value> = sqlx::query_scalar("select data from moderation_log order by id")
            .fetch_all(&fixture.database.pool())
            .await?;
        let expected = [
            entry("tag", json!(["a", "b"]), "@boss added tags: a, b to users: @bob@far.example"),
            entry("untag", json!(["a"]), "@boss removed tags: a from users: @bob@far.example"),
        ];
        assert_eq!(rows, expected, "{flavour}");
    }
    Ok(())
}
