//! Makes and checks schema `kenoma`.

use sqlx::{
    PgConnection,
    migrate::{MigrateError, Migrator},
};

/// Whether the ledger is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaState {
    /// As this program knows it.
    Current,
    /// `kenoma migrate` was never run in this database.
    Missing,
    /// Made by an older program: `kenoma migrate` brings it up to date.
    Older,
    /// Made by a newer program.
    Newer,
}

/// Our migrations, with their bookkeeping out of the server's way.
fn migrator() -> Migrator {
    let mut migrator = sqlx::migrate!("../migrations");
    migrator.dangerous_set_table_name("kenoma._sqlx_migrations");
    migrator.create_schema("kenoma");
    migrator
}

/// Applies what is missing. Safe while workers run and when called twice at once.
pub async fn migrate(db: &mut PgConnection) -> Result<(), MigrateError> {
    migrator().run(db).await
}

/// Compares the schema in the database with the one this program knows.
pub async fn schema_state(db: &mut PgConnection) -> sqlx::Result<SchemaState> {
    let there: bool = sqlx::query_scalar(
        "select to_regclass('kenoma._sqlx_migrations') is not null
            and to_regclass('kenoma.runs') is not null",
    )
    .fetch_one(&mut *db)
    .await?;
    if !there {
        return Ok(SchemaState::Missing);
    }
    let found: Option<i64> =
        sqlx::query_scalar("select max(version) from kenoma._sqlx_migrations where success")
            .fetch_one(db)
            .await?;
    let known = migrator().iter().map(|migration| migration.version).max();
    Ok(match found.cmp(&known) {
        std::cmp::Ordering::Less => SchemaState::Older,
        std::cmp::Ordering::Equal => SchemaState::Current,
        std::cmp::Ordering::Greater => SchemaState::Newer,
    })
}
