//! `--thorough`: rows that the original leaves behind are removed too, and the plan counts them.

use anyhow::Result;
use serde_json::{Value, json};
use testkit::Flavour;

use super::Removal;

/// One row of each kind for alice, and one for bob.
const ROWS: &str = "
    insert into password_reset_tokens (user_id, token, inserted_at, updated_at)
      select id, 't', now(), now() from users where local;
    insert into filters (user_id, filter_id, phrase, inserted_at, updated_at)
      select id, 1, 'spoiler', now(), now() from users where local;
    insert into lists (user_id, title, inserted_at, updated_at)
      select id, 'friends', now(), now() from users where local;
    insert into markers (user_id, timeline, last_read_id, inserted_at, updated_at)
      select id, 'home', '1', now(), now() from users where local;
    insert into scheduled_activities (user_id, params, scheduled_at, inserted_at, updated_at)
      select id, '{}', now() + interval '1 day', now(), now() from users where local;
    insert into thread_mutes (user_id, context)
      select id, 'https://peer.example/contexts/1' from users where local;
    insert into user_relationships (source_id, target_id, relationship_type, inserted_at)
      select a.id, b.id, 2, now() from users a, users b where a.local and b.local and a.id <> b.id";

/// Tables of these rows, each with the column that names the owner.
const TABLES: [(&str, &str); 7] = [
    ("password_reset_tokens", "user_id"),
    ("filters", "user_id"),
    ("lists", "user_id"),
    ("markers", "user_id"),
    ("scheduled_activities", "user_id"),
    ("thread_mutes", "user_id"),
    ("user_relationships", "source_id"),
];

#[tokio::test]
async fn what_the_original_leaves_behind_goes_when_asked_for() -> Result<()> {
    for flavour in Flavour::ALL {
        for (option, goes) in [("", false), (" --thorough", true)] {
            let fixture = Removal::new(flavour).await?;
            let bob = fixture.world.local("bob").await?;
            let post = bob.posts("hello").create().await?;
            fixture.alice.bookmarks(&post).await?;
            fixture.sql(ROWS).await?;
            let before = fixture.state().await?;

            let plan = fixture.run(&format!("user rm alice --dry-run --json{option}"))?;
            assert!(before == fixture.state().await?, "{flavour}: the plan wrote something");
            let plan: Value = serde_json::from_str(&plan.stdout)?;
            let done = fixture.run(&format!("user rm alice --yes --inline --json{option}"))?;
            assert_eq!(done.code, 0, "{flavour}: {done:?}");
            let run: Value = serde_json::from_str(&done.stdout)?;
            assert_eq!(run["done"], plan["total"], "{flavour}");

            let after = fixture.state().await?;
            let whose = |table: &str, column: &str, account: &testkit::Account| {
                let is_theirs = |row: &&Value| row[column] == json!(account.id());
                after.rows(table).iter().filter(is_theirs).count()
            };
            for (table, column) in TABLES.into_iter().chain([("bookmarks", "user_id")]) {
                let left = usize::from(!goes);
                assert_eq!(whose(table, column, &fixture.alice), left, "{flavour}: {table}");
            }
            for (table, column) in TABLES {
                assert_eq!(whose(table, column, &bob), 1, "{flavour}: {table} of bob");
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_row_that_reports_need_stays_and_is_named() -> Result<()> {
    for flavour in Flavour::ALL {
        let fixture = Removal::new(flavour).await?;
        fixture.never_confirmed().await?;
        fixture
            .sql(
                "insert into report_notes (user_id, content, inserted_at, updated_at)
                 select id, 'seen', now(), now() from users where nickname = 'alice'",
            )
            .await?;
        let done = fixture.run("user rm alice --yes --inline")?;
        // The row is the only item.
        assert_eq!(done.code, 1, "{flavour}: {done:?}");
        assert!(done.stderr.contains("the only item is parked"), "{flavour}: {done:?}");
        assert_eq!(fixture.alice_row().await?["email"], json!(null), "{flavour}");
        assert_eq!(fixture.state().await?.rows("report_notes").len(), 1, "{flavour}");
    }
    Ok(())
}
