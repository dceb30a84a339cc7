//! Migrations of the server's own tables.

use std::collections::BTreeSet;

use sqlx::PgConnection;

/// Versions of the migrations that were applied. If they differ later, the server was updated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Migrations(BTreeSet<i64>);

impl Migrations {
    /// Whether a migration was applied.
    pub(crate) fn contains(&self, version: i64) -> bool {
        self.0.contains(&version)
    }

    /// Version of the newest one, if any is noted.
    pub(crate) fn newest(&self) -> Option<i64> {
        self.0.last().copied()
    }
}

/// Reads which migrations were applied; none if they are not noted as the servers do it: other
/// programs have a table of the same name.
pub async fn applied_migrations(db: &mut PgConnection) -> sqlx::Result<Migrations> {
    let are_noted: bool = sqlx::query_scalar(
        "select exists (select from pg_attribute
                        where attrelid = to_regclass('public.schema_migrations')
                          and attname = 'version' and atttypid = 'bigint'::regtype)",
    )
    .fetch_one(&mut *db)
    .await?;
    if !are_noted {
        return Ok(Migrations::default());
    }
    let versions: Vec<i64> =
        sqlx::query_scalar("select version from public.schema_migrations").fetch_all(db).await?;
    Ok(Migrations(versions.into_iter().collect()))
}
