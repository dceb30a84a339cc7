//! Private servers with a database that has Pleroma's tables, for demo and bench.

use crate::{Postgres, Release, put_together};
use anyhow::{Context as _, Result};
use sqlx::{Connection as _, Executor as _, PgConnection, postgres::PgConnectOptions};

/// Creates a database with the tables of Pleroma, all empty.
pub async fn create_database(postgres: &Postgres, name: &str) -> Result<()> {
    create_database_of(postgres, name, Release::named("pleroma-2.7")?).await
}

/// Creates a database with the tables of a release, all empty.
pub async fn create_database_of(postgres: &Postgres, name: &str, release: &Release) -> Result<()> {
    administer(postgres, &format!("create database {name}")).await?;
    let mut db = PgConnection::connect(&postgres.url(name)).await?;
    for statements in [release.base.schema()].iter().chain(release.changes) {
        db.execute(*statements).await.context("the server's schema cannot be made")?;
    }
    Ok(db.close().await?)
}

/// Connects under a name that ostrakon counts as its own: it works at full speed only while no
/// other session is active in the database.
pub async fn connect(postgres: &Postgres, database: &str) -> Result<PgConnection> {
    let options: PgConnectOptions = postgres.url(database).parse()?;
    PgConnection::connect_with(&options.application_name("ostrakon-xtask"))
        .await
        .with_context(|| format!("{database} cannot be reached"))
}

/// Creates an exact copy of a database. No session may be connected to the original.
pub async fn copy_database(postgres: &Postgres, from: &str, to: &str) -> Result<()> {
    drop_database(postgres, to).await?;
    administer(postgres, &format!("create database {to} template {from} strategy file_copy")).await
}

/// Drops a database, if it exists, together with all its connections.
pub async fn drop_database(postgres: &Postgres, name: &str) -> Result<()> {
    administer(postgres, &format!("drop database if exists {name} with (force)")).await
}

/// Runs a statement that names databases, which cannot be bound as parameters.
async fn administer(postgres: &Postgres, statement: &str) -> Result<()> {
    let mut admin = PgConnection::connect(&postgres.url("postgres")).await?;
    sqlx::raw_sql(put_together(statement))
        .execute(&mut admin)
        .await
        .with_context(|| format!("`{statement}` failed"))?;
    Ok(admin.close().await?)
}
