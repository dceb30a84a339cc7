//! Foreign keys without an index (docs/semantics.md 9.3).

use sqlx::{FromRow, PgConnection};

#[derive(FromRow)]
struct MissingIndex {
    table_name: String,
    column_name: String,
}

/// Notes for a plan: each table that PostgreSQL reads whole for every activity that is deleted,
/// because nothing indexes its reference to the activity. Pleroma up to 2.6 and Rebased have some.
pub async fn missing_index_notes(db: &mut PgConnection) -> sqlx::Result<Vec<String>> {
    notes(db, "public.activities", "post, like and boost").await
}

/// The same for tables that refer to objects, for a job that deletes these.
pub async fn missing_object_index_notes(db: &mut PgConnection) -> sqlx::Result<Vec<String>> {
    notes(db, "public.objects", "post").await
}

async fn notes(db: &mut PgConnection, to: &str, what: &str) -> sqlx::Result<Vec<String>> {
    let missing: Vec<MissingIndex> =
        sqlx::query_as(include_str!("missing_indexes.sql")).bind(to).fetch_all(db).await?;
    let note = |missing: MissingIndex| {
        let MissingIndex { table_name, column_name } = missing;
        format!(
            "{table_name} has no index on {column_name}: PostgreSQL reads the whole table for each \
             deleted {what}, which takes long. Create one first, while the server runs: create \
             index concurrently on {table_name} ({column_name})"
        )
    };
    Ok(missing.into_iter().map(note).collect())
}
