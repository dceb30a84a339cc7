//! Migrations of the server's own tables.

use sqlx::{FromRow, PgConnection};

/// Migrations that were applied: whoever remembers them notices an update of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromRow)]
pub struct Migrations {
    number: i64,
    /// Version of the newest one; 0 if none is noted.
    pub newest: i64,
}

/// Whether migrations are noted as the servers do it: other programs have a table of the same name.
pub(crate) async fn are_migrations_noted(db: &mut PgConnection) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "select exists (select from pg_attribute
                        where attrelid = to_regclass('public.schema_migrations')
                          and attname = 'version' and atttypid = 'bigint'::regtype)",
    )
    .fetch_one(db)
    .await
}

/// Reads which migrations were applied; none if they are not noted.
pub async fn applied_migrations(db: &mut PgConnection) -> sqlx::Result<Migrations> {
    if !are_migrations_noted(&mut *db).await? {
        return Ok(Migrations { number: 0, newest: 0 });
    }
    sqlx::query_as(
        "select count(*) as number, coalesce(max(version), 0) as newest
         from public.schema_migrations",
    )
    .fetch_one(db)
    .await
}
