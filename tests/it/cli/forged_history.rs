//! A thief of ostrakon's role cannot write history as another role, or at another time.

use anyhow::Result;
use sqlx::{Connection as _, PgConnection};
use testkit::Flavour;

use super::Fixture;

const FORGED: [&str; 12] = [
    "insert into ostrakon.actions (id, command, subject, requested_by, at)
     values (repeat('0', 26), 'set', 'x', 'boss@server', '2020-01-01')",
    "insert into ostrakon.actions (id, command, subject, requested_by, database_user)
     values (repeat('0', 26), 'set', 'x', 'boss@server', 'postgres')",
    "update ostrakon.actions set requested_by = 'boss@server'",
    "update ostrakon.actions set at = '2020-01-01'",
    "delete from ostrakon.actions",
    "insert into ostrakon.run_events (run_id, event, actor, at)
     select id, 'paused', 'boss@server', '2020-01-01' from ostrakon.runs",
    "insert into ostrakon.run_events (run_id, event, actor, database_user)
     select id, 'paused', 'boss@server', 'postgres' from ostrakon.runs",
    "update ostrakon.run_events set actor = 'boss@server'",
    "insert into ostrakon.runs (id, job, class, payload, subject, dedupe_key, requested_by, created_at)
     values (repeat('0', 26), 'x', 'long', '{}', 'x', 'x', 'boss@server', '2020-01-01')",
    "insert into ostrakon.runs
       (id, job, class, payload, subject, dedupe_key, requested_by, database_user)
     values (repeat('0', 26), 'x', 'long', '{}', 'x', 'x', 'boss@server', 'postgres')",
    "update ostrakon.runs set created_at = '2020-01-01'",
    "update ostrakon.runs set database_user = 'postgres'",
];

async fn cannot_be_forged(fixture: &Fixture) -> Result<()> {
    let mut thief = PgConnection::connect(fixture.ostrakon.database_url()).await?;
    for statement in FORGED {
        let said = sqlx::query(statement).execute(&mut thief).await;
        let said = said.map_or_else(|error| error.to_string(), |done| format!("{done:?}"));
        assert!(said.contains("permission denied for table"), "{statement}: {said}");
    }
    Ok(thief.close().await?)
}

#[tokio::test]
async fn a_thief_of_the_role_stays_visible() -> Result<()> {
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    fixture.world.local("alice").await?.posts("hello").create().await?;
    let id = fixture.queue("user delete_activities alice --yes")?;
    cannot_be_forged(&fixture).await?;
    // The rows that the thief can write show the thief's role and the real time.
    let mut thief = PgConnection::connect(fixture.ostrakon.database_url()).await?;
    sqlx::query(
        "insert into ostrakon.actions (id, command, subject, requested_by)
         values (repeat('0', 26), 'set', 'x', 'boss@server')",
    )
    .execute(&mut thief)
    .await?;
    sqlx::query(
        "insert into ostrakon.run_events (run_id, event, actor) values ($1, 'paused', 'boss')",
    )
    .bind(&id)
    .execute(&mut thief)
    .await?;
    thief.close().await?;
    fixture.sql("insert into ostrakon.run_events (run_id, event, actor) select id, 'looked_at', 'boss' from ostrakon.runs").await?;
    let action: serde_json::Value = serde_json::from_str(&fixture.run("actions --json")?.stdout)?;
    assert_eq!(action["database_user"], "ostrakon_least", "{action}");
    assert!(action["at"].as_str().is_some_and(|at| at > "2026"), "{action}");
    assert!(fixture.run("actions")?.stdout.contains(" ostrakon_least "));
    let shown = fixture.run(&format!("runs show {id}"))?.stdout;
    assert!(shown.contains("(database role ostrakon_least)\n"), "{shown}");
    assert!(shown.contains("looked_at by boss as database role postgres\n"), "{shown}");
    assert_eq!(fixture.json(&format!("runs show {id}"))?.1["database_user"], "ostrakon_least");
    Ok(())
}

#[tokio::test]
async fn rights_of_earlier_versions_are_taken_back() -> Result<()> {
    let fixture = Fixture::new(Flavour::Pleroma).await?;
    let owner = testkit::Ostrakon::on(&fixture.database);
    fixture
        .sql("grant insert on ostrakon.actions, ostrakon.runs, ostrakon.run_events to ostrakon_least")
        .await?;
    let print = ["migrate", "--print-grants", "--role", "ostrakon_least"];
    let printed = owner.run(&print)?.stdout;
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!((lines.first(), lines.last()), (Some(&"begin;"), Some(&"commit;")), "{printed}");
    fixture.database.grant("ostrakon_least", &printed).await?;
    cannot_be_forged(&fixture).await?;
    assert_eq!(fixture.run("user list")?.code, 0);
    let again = owner.run(&print)?.stdout;
    assert!(again.lines().all(|line| line.starts_with("grant ")), "{again}");
    // The owner of the tables keeps its rights.
    let mine = owner.run(&["migrate", "--print-grants", "--role", "postgres"])?.stdout;
    assert!(!mine.contains("revoke"), "{mine}");
    Ok(())
}
