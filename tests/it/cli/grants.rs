//! `ostrakon migrate --print-grants`. Most other tests run the program with these rights, which
//! proves that they suffice. These tests prove that they allow no more.

use anyhow::Result;
use sqlx::{Connection as _, PgConnection};

use super::{FLAVOURS, Fixture};

/// Statements that a role with these rights alone must not execute, each with PostgreSQL's error.
const FORBIDDEN: [(&str, &str); 15] = [
    ("select password_hash from users", "permission denied for table users"),
    ("select token from oauth_tokens", "permission denied for table oauth_tokens"),
    ("select params from scheduled_activities", "permission denied for table"),
    ("select * from config", "permission denied for table config"),
    ("delete from config", "permission denied for table config"),
    ("update users set ap_id = ''", "permission denied for table users"),
    ("update users set nickname = ''", "permission denied for table users"),
    ("update oban_jobs set args = '{}'", "permission denied for table oban_jobs"),
    ("delete from moderation_log", "permission denied for table moderation_log"),
    ("drop table users", "must be owner of table users"),
    ("alter table users add column x text", "must be owner of table users"),
    ("truncate activities", "permission denied for table activities"),
    ("create table ostrakon.x ()", "permission denied for schema ostrakon"),
    ("delete from ostrakon.run_events", "permission denied for table run_events"),
    ("update ostrakon.runs set requested_by = 'x'", "permission denied for table runs"),
];

#[tokio::test]
async fn whoever_has_the_rights_may_do_nothing_else() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = Fixture::new(flavour).await?;
        let mut role = PgConnection::connect(fixture.ostrakon.database_url()).await?;
        for (statement, objection) in FORBIDDEN {
            let said = sqlx::query(statement).execute(&mut role).await;
            let said = said.map_or_else(|error| error.to_string(), |done| format!("{done:?}"));
            assert!(said.contains(objection), "{flavour}: {statement}: {said}");
        }
        role.close().await?;
    }
    Ok(())
}

#[tokio::test]
async fn grants_are_for_the_tables_of_this_server() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = Fixture::without_ledger(flavour).await?;
        fixture.ostrakon.migrate()?;
        let done = fixture.run("migrate --print-grants")?;
        assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{done:?}");
        assert!(done.stdout.lines().all(|line| line.starts_with("grant ")), "{done:?}");
        let mut settings = insta::Settings::clone_current();
        settings.set_prepend_module_to_snapshot(false);
        settings.bind(|| insta::assert_snapshot!(format!("grants_{flavour}"), done.stdout));
    }
    Ok(())
}

#[tokio::test]
async fn what_an_administrator_took_from_everybody_is_granted() -> Result<()> {
    let fixture = Fixture::without_ledger(testkit::Flavour::Pleroma).await?;
    fixture.ostrakon.migrate()?;
    fixture
        .sql(
            "revoke usage on schema public from public;
             revoke execute on function associated_object_id(jsonb) from public",
        )
        .await?;
    let done = fixture.run("migrate --print-grants")?;
    for line in [
        "grant usage on schema public to ostrakon;\n",
        "grant execute on function associated_object_id(jsonb) to ostrakon;\n",
    ] {
        assert!(done.stdout.contains(line), "{done:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_role_that_lacks_a_right_learns_where_to_get_it() -> Result<()> {
    let fixture = Fixture::new(testkit::Flavour::Pleroma).await?;
    fixture.world.local("alice").await?;
    fixture.sql("revoke insert on password_reset_tokens from ostrakon_least").await?;
    let done = fixture.refused("user reset_password alice").await?;
    assert_eq!(done.code, 1);
    let said = "permission denied for table password_reset_tokens; nothing was changed\n";
    assert!(done.stderr.contains(said), "{done:?}");
    assert!(done.stderr.contains("ostrakon migrate --print-grants"), "{done:?}");
    fixture.sql("revoke all on all tables in schema ostrakon from ostrakon_least").await?;
    fixture.sql("revoke usage on schema ostrakon from ostrakon_least").await?;
    let done = fixture.run("runs list")?;
    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.stderr.contains("ostrakon migrate --print-grants"), "{done:?}");
    Ok(())
}

#[tokio::test]
async fn grants_are_printed_and_nothing_is_done() -> Result<()> {
    let fixture = Fixture::without_ledger(testkit::Flavour::Akkoma).await?;
    // Without ostrakon's own tables there is nothing to grant on, and they are not created.
    let done = fixture.run("migrate --print-grants")?;
    assert!(done.code == 4 && done.stderr.contains("ostrakon migrate"), "{done:?}");
    let there = fixture.run("runs list")?;
    assert!(there.code == 4 && there.stderr.contains("not in this database yet"), "{there:?}");

    fixture.ostrakon.migrate()?;
    let done = fixture.run_words(&["migrate", "--print-grants", "--role", "Odd \"name\";--"])?;
    assert!(
        done.stdout.lines().all(|line| line.ends_with(r#" to "Odd ""name"";--";"#)),
        "{done:?}"
    );
    let (code, object) = fixture.json("migrate --print-grants --role helper")?;
    assert_eq!((code, object["role"].as_str()), (0, Some("helper")));
    assert_eq!(object["grants"][0], "grant usage on schema ostrakon to helper;");

    for line in ["migrate --role helper", "migrate --print-grants --role="] {
        assert_eq!(fixture.run(line)?.code, 2, "{line}");
    }
    Ok(())
}
