//! Migrations of the server's own tables.

use sqlx::{FromRow, PgConnection};

/// Migrations that were applied: whoever remembers them notices an update of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromRow)]
pub struct Migrations {
    number: i64,
    /// Version of the newest one; 0 if none is noted.
    pub newest: i64,
}

/// Reads which migrations were applied; none if the server's table of them is missing.
pub async fn applied_migrations(db: &mut PgConnection) -> sqlx::Result<Migrations> {
    let is_noted: bool =
        sqlx::query_scalar("select to_regclass('public.schema_migrations') is not null")
            .fetch_one(&mut *db)
            .await?;
    if !is_noted {
        return Ok(Migrations { number: 0, newest: 0 });
    }
    sqlx::query_as(
        "select count(*) as number, coalesce(max(version), 0) as newest
         from public.schema_migrations",
    )
    .fetch_one(db)
    .await
}
