//! Databases that ostrakon does not know, and its own tables.

use anyhow::Result;
use testkit::Flavour;

use super::{FLAVOURS, Fixture, redacted};

const COMMANDS: [&str; 5] = [
    "user delete_activities alice --yes --inline",
    "user delete_activities alice --dry-run",
    "user deactivate alice",
    "user deactivate_all_from_instance spam.example --yes",
    "migrate",
];

/// Schemas of the database, except PostgreSQL's own.
async fn schemas(fixture: &Fixture) -> Result<Vec<String>> {
    let rows = sqlx::query_scalar(
        "select nspname::text from pg_namespace
         where nspname not like 'pg\\_%' and nspname <> 'information_schema' order by 1",
    );
    Ok(rows.fetch_all(&fixture.database.pool()).await?)
}

#[tokio::test]
async fn an_empty_database_is_refused() -> Result<()> {
    let fixture = Fixture::without_ledger(Flavour::Pleroma).await?;
    fixture.sql("drop schema public cascade; create schema public").await?;
    let mut reported = Vec::new();
    for command in COMMANDS {
        let done = fixture.run(command)?;
        assert_eq!((done.stdout.as_str(), done.code), ("", 4), "{command}: {done:?}");
        reported.push(done.stderr);
    }
    assert_eq!(schemas(&fixture).await?, ["public"]);
    reported.dedup();
    insta::assert_snapshot!(reported.join("---\n"), @"error: this is not the database of a server that ostrakon knows (no users.id, users.ap_id, users.nickname and 28 more); nothing was written");
    Ok(())
}

/// Other programs note their migrations as text.
#[tokio::test]
async fn another_programs_database_is_refused() -> Result<()> {
    let fixture = Fixture::without_ledger(Flavour::Pleroma).await?;
    fixture
        .sql(
            "drop schema public cascade; create schema public;
             create table schema_migrations (version varchar not null primary key);
             insert into schema_migrations values ('20260101000000'), ('none')",
        )
        .await?;
    for command in COMMANDS {
        let done = fixture.run(command)?;
        assert_eq!((done.stdout.as_str(), done.code), ("", 4), "{command}: {done:?}");
        assert!(done.stderr.contains("not the database of a server"), "{command}: {done:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_database_that_lacks_a_column_is_refused() -> Result<()> {
    for (flavour, missing, statement) in [
        (
            Flavour::Pleroma,
            "oban_jobs.scheduled_at",
            "alter table oban_jobs drop column scheduled_at cascade",
        ),
        (
            Flavour::Akkoma,
            "users.follower_address",
            "alter table users drop column follower_address cascade",
        ),
        (Flavour::Pleroma, "users.is_active", "alter table users drop column is_active cascade"),
        (
            Flavour::Pleroma22,
            "users.pinned_activities",
            "alter table users drop column pinned_activities cascade",
        ),
    ] {
        let fixture = Fixture::new(flavour).await?;
        fixture.world.local("alice").await?.posts("hello").create().await?;
        fixture.sql(statement).await?;
        for (command, done) in COMMANDS.iter().zip(fixture.all_refused(&COMMANDS).await?) {
            assert_eq!((done.stdout.as_str(), done.code), ("", 4), "{command}: {done:?}");
            let named = done.stderr.contains(missing);
            assert!(named && done.stderr.contains("nothing was written"), "{done:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_ledger_is_asked_for_where_it_is_needed() -> Result<()> {
    for flavour in FLAVOURS {
        let fixture = Fixture::without_ledger(flavour).await?;
        fixture.world.local("alice").await?.posts("hello").create().await?;
        fixture.world.remote("mallory", "spam.example").await?;
        let commands = [
            "user delete_activities alice --yes",
            "user delete_activities alice --yes --inline",
            // The command asks no question before it knows that an answer helps.
            "user delete_activities alice",
            "user deactivate alice",
            "user deactivate_all_from_instance spam.example --yes",
            "runs list",
            "runs cancel 01ARZ3NDEKTSV4RRFFQ69G5FAV",
        ];
        for (command, done) in commands.iter().zip(fixture.all_refused(&commands).await?) {
            assert_eq!((done.stdout.as_str(), done.code), ("", 4), "{command}: {done:?}");
            assert_eq!(
                done.stderr,
                "error: ostrakon's own tables are not in this database yet; make them with: \
                 ostrakon migrate\n",
                "{command}"
            );
        }
        let done = fixture.refused("user delete_activities alice --dry-run").await?;
        assert_eq!(done.code, 0, "{done:?}");
        assert_eq!(schemas(&fixture).await?, ["public"]);
    }
    Ok(())
}

#[tokio::test]
async fn migrate_may_be_repeated() -> Result<()> {
    let _redacted = redacted();
    let fixture = Fixture::without_ledger(Flavour::Pleroma).await?;
    let mut reported = String::new();
    for command in ["migrate", "migrate", "migrate --json", "migrate --quiet"] {
        reported += &fixture.refused(command).await?.transcript();
    }
    assert_eq!(schemas(&fixture).await?, ["ostrakon", "public"]);
    fixture
        .sql(
            "insert into ostrakon._sqlx_migrations
             (version, description, success, checksum, execution_time)
             values (9999, 'of the future', true, '', 0)",
        )
        .await?;
    for command in ["migrate", "runs list"] {
        reported += &fixture.refused(command).await?.transcript();
    }
    insta::assert_snapshot!(reported, @r#"
    out| ostrakon's tables were created in schema ostrakon.
    out| The server's tables are those of Pleroma 2.7 to 2.9.
    exit 0
    out| ostrakon's tables are up to date.
    out| The server's tables are those of Pleroma 2.7 to 2.9.
    exit 0
    out| {"message":"ostrakon's tables are up to date.","server":"pleroma-2.7"}
    exit 0
    out| ostrakon's tables are up to date.
    out| The server's tables are those of Pleroma 2.7 to 2.9.
    exit 0
    err| error: ostrakon's own tables were made by a newer version than this program; update ostrakon
    exit 4
    err| error: ostrakon's own tables were made by a newer version than this program; update ostrakon
    exit 4
    "#);
    Ok(())
}

#[tokio::test]
async fn migrate_at_once_is_done_once() -> Result<()> {
    let fixture = Fixture::without_ledger(Flavour::Pleroma).await?;
    let running: Vec<_> = (0..4)
        .map(|_| fixture.ostrakon.command(&["migrate"]).spawn())
        .collect::<std::io::Result<_>>()?;
    let mut done = 0;
    for mut process in running {
        match process.wait()?.code() {
            Some(0) => done += 1,
            // Another process was migrating.
            code => assert_eq!(code, Some(4)),
        }
    }
    assert!(done > 0);
    let again = fixture.run("migrate")?;
    assert!(again.code == 0 && again.stdout.contains("up to date"), "{again:?}");
    Ok(())
}
