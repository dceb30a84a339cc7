//! Indexes of the large tables, created after the rows, as `pg_restore` does it. Maintaining them
//! row by row takes several times as long.

use anyhow::{Context as _, Result};
use sqlx::PgConnection;

use crate::put_together;

/// Indexes of the large tables that no insert needs. Unique indexes stay: they detect duplicate
/// rows.
const SECONDARY: &str = "
    select 'drop index ' || indexrelid::regclass, pg_get_indexdef(indexrelid)
    from pg_index
    where indrelid in ('objects'::regclass, 'activities'::regclass) and not indisunique
    order by indexrelid";

/// Statements that recreate the dropped indexes.
#[must_use]
pub(super) struct DroppedIndexes(Vec<String>);

impl DroppedIndexes {
    pub(super) async fn drop_from(db: &mut PgConnection) -> Result<Self> {
        let found: Vec<(String, String)> = sqlx::query_as(SECONDARY).fetch_all(&mut *db).await?;
        let (drops, definitions): (Vec<_>, Vec<_>) = found.into_iter().unzip();
        run(db, drops).await?;
        Ok(Self(definitions))
    }

    pub(super) async fn make_again(self, db: &mut PgConnection) -> Result<()> {
        run(db, self.0).await
    }
}

async fn run(db: &mut PgConnection, statements: Vec<String>) -> Result<()> {
    for statement in statements {
        sqlx::raw_sql(put_together(statement.clone()))
            .execute(&mut *db)
            .await
            .with_context(|| format!("failed: {statement}"))?;
    }
    Ok(())
}
