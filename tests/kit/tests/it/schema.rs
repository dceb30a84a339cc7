//! The schemas do what the servers' schemas do when nobody says where tables are: autovacuum's
//! ANALYZE and a restore know only `pg_catalog`.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use sqlx::{Connection as _, Executor as _, PgConnection};
use testkit::{Database, Flavour, World, postgres_folder, put_together, snapshot};

/// Rows that every index on activities has to look at.
async fn some_posts(database: &Database) -> Result<()> {
    let world = World::new(database);
    let alice = world.local("alice").await?;
    let carl = world.remote("carl", "far.example").await?;
    let first = alice.posts("hello").public().create().await?;
    alice.posts("friends").followers_only().replying_to(&first).create().await?;
    carl.posts("hi").replying_to(&first).tagged("Cats").create().await?;
    carl.likes(&first).await?;
    Ok(())
}

#[tokio::test]
async fn every_table_is_analyzed_without_a_search_path() -> Result<()> {
    for flavour in Flavour::ALL {
        let database = Database::create(flavour).await?;
        some_posts(&database).await?;
        let mut db = PgConnection::connect(database.url()).await?;
        db.execute("set search_path = ''").await?;
        db.execute("analyze").await.with_context(|| format!("{flavour}"))?;
        let analyzed: bool = sqlx::query_scalar(
            "select exists (select from pg_stats where tablename = 'activities_visibility_index')",
        )
        .fetch_one(&mut db)
        .await?;
        ensure!(analyzed, "{flavour}: nobody looked at the visibility of posts");
    }
    Ok(())
}

#[tokio::test]
async fn a_dump_is_restored() -> Result<()> {
    for flavour in Flavour::ALL {
        let database = Database::create(flavour).await?;
        some_posts(&database).await?;
        let restored = Database::create(flavour).await?;
        empty_of_schemas(&restored).await?;
        let folder = tempfile::tempdir()?;
        let dump = folder.path().join("dump");
        run("pg_dump", &["--format=custom", "--dbname", database.url()], &dump)?;
        let into = ["--exit-on-error", "--dbname", restored.url()];
        run("pg_restore", &into, &dump).with_context(|| format!("{flavour}"))?;
        let (before, after) =
            (snapshot(&database.pool()).await?, snapshot(&restored.pool()).await?);
        ensure!(before == after, "{flavour}: the restored rows differ");
        let valid = "select count(*) from pg_index where not indisvalid";
        ensure!(sqlx::query_scalar::<_, i64>(valid).fetch_one(&restored.pool()).await? == 0);
    }
    Ok(())
}

/// Leaves nothing that a dump could collide with.
async fn empty_of_schemas(database: &Database) -> Result<()> {
    let extensions: Vec<String> = sqlx::query_scalar(
        "select format('drop extension %I cascade', extname) from pg_extension
         where extname <> 'plpgsql'",
    )
    .fetch_all(&database.pool())
    .await?;
    let statements =
        format!("{}; drop schema public cascade; create schema public", extensions.join("; "));
    sqlx::raw_sql(put_together(statements)).execute(&database.pool()).await?;
    Ok(())
}

fn run(program: &str, arguments: &[&str], file: &Path) -> Result<()> {
    let mut command = Command::new(postgres_folder()?.join(program));
    command.args(arguments).env("LC_ALL", "C");
    let output = match program {
        "pg_dump" => command.arg("--file").arg(file).output()?,
        _ => command.arg(file).output()?,
    };
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program} failed: {said}");
    Ok(())
}
