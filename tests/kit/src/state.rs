//! All rows of a database as data: reading and writing them.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{Executor as _, PgConnection, PgPool};

use crate::sql::put_together;

/// The rows of each table, as returned by PostgreSQL's `row_to_json`, sorted by primary key. Tables
/// without rows are left out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct State {
    tables: BTreeMap<String, Vec<Value>>,
}

impl State {
    /// Returns the rows of a table; empty if it has none.
    pub fn rows(&self, table: &str) -> &[Value] {
        self.tables.get(table).map_or(&[], Vec::as_slice)
    }

    /// Returns the rows of a table for modification, e.g. to define an expected difference.
    pub fn rows_mut(&mut self, table: &str) -> &mut Vec<Value> {
        self.tables.entry(table.to_owned()).or_default()
    }

    /// Returns the names of the tables that have rows.
    pub fn tables(&self) -> impl Iterator<Item = &str> {
        self.tables.iter().filter(|(_, rows)| !rows.is_empty()).map(|(table, _)| table.as_str())
    }

    /// Writes all rows into an empty database of the right flavour, as the recordings require: one
    /// transaction, no foreign-key checks, no triggers. Then sets the sequences.
    pub async fn load(&self, pool: &PgPool) -> Result<()> {
        let mut transaction = pool.begin().await?;
        transaction.execute("set local session_replication_role = replica").await?;
        for table in self.tables() {
            let rows = self.rows(table);
            let quoted = quote(table);
            let statement = format!(
                "insert into {quoted} select * from jsonb_populate_recordset(null::{quoted}, $1)"
            );
            sqlx::query(put_together(statement))
                .bind(sqlx::types::Json(rows))
                .execute(&mut *transaction)
                .await
                .with_context(|| format!("cannot load {} rows into {table}", rows.len()))?;
            set_sequence(&mut transaction, table).await?;
        }
        Ok(transaction.commit().await?)
    }
}

/// Reads all rows of schema `public` in one snapshot. Omits `schema_migrations`, as the recordings
/// do; the product's own schema is a different one.
pub async fn snapshot(pool: &PgPool) -> Result<State> {
    let mut transaction = pool.begin().await?;
    transaction.execute("set transaction isolation level repeatable read, read only").await?;
    let tables: Vec<(String, Option<String>)> = sqlx::query_as(
        "select c.relname::text,
                (select string_agg(format('t.%I', a.attname), ', ' order by k.position)
                 from pg_index i,
                      unnest(i.indkey::int[]) with ordinality as k (number, position)
                      join pg_attribute a on a.attrelid = c.oid and a.attnum = k.number
                 where i.indrelid = c.oid and i.indisprimary)
         from pg_class c
         where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
           and c.relname <> 'schema_migrations'
         order by 1",
    )
    .fetch_all(&mut *transaction)
    .await?;
    let mut state = State::default();
    for (table, key) in tables {
        let order = key.unwrap_or_else(|| "t::text".to_owned());
        let statement =
            format!("select row_to_json(t) from {} as t order by {order}", quote(&table));
        let rows: Vec<Value> = sqlx::query_scalar(put_together(statement))
            .fetch_all(&mut *transaction)
            .await
            .with_context(|| format!("cannot read {table}"))?;
        if !rows.is_empty() {
            state.tables.insert(table, rows);
        }
    }
    Ok(state)
}

async fn set_sequence(connection: &mut PgConnection, table: &str) -> Result<()> {
    let sequence: Option<String> = sqlx::query_scalar(
        "select pg_get_serial_sequence(format('%I', a.attrelid::regclass::text), a.attname)
         from pg_attribute a
         where a.attrelid = format('%I', $1)::regclass and a.attname = 'id'",
    )
    .bind(table)
    .fetch_optional(&mut *connection)
    .await?
    .flatten();
    if let Some(sequence) = sequence {
        let statement = format!("select setval($1::regclass, max(id)) from {}", quote(table));
        sqlx::query(put_together(statement)).bind(sequence).execute(connection).await?;
    }
    Ok(())
}

fn quote(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}
