//! Rows of one release in the tables of another.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::{Map, Value};

use crate::{database::Database, state::State};

/// Columns of a release's tables, each with the value of old rows where another release has none.
#[derive(Debug)]
pub struct Tables(BTreeMap<String, Map<String, Value>>);

impl Tables {
    /// Reads the columns of an empty or filled database.
    pub async fn of(database: &Database) -> Result<Self> {
        // A column without a default that must not be null: any id.
        let rows: Vec<(String, Value)> = sqlx::query_as(
            "select c.relname::text, jsonb_object_agg(a.attname, case
                 when pg_get_expr(d.adbin, d.adrelid) in ('false', 'true')
                     then to_jsonb(pg_get_expr(d.adbin, d.adrelid)::boolean)
                 when a.attnotnull and a.atttypid = 'uuid'::regtype
                     then to_jsonb('00000000-0000-0000-0000-000000000007'::text)
                 when a.attnotnull and a.attndims > 0 then '[]' end)
             from pg_class c
             join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
             left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
             where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
             group by 1",
        )
        .fetch_all(&database.pool())
        .await?;
        let columns = |(table, columns)| match columns {
            Value::Object(columns) => Some((table, columns)),
            _ => None,
        };
        Ok(Self(rows.into_iter().filter_map(columns).collect()))
    }

    /// Removes what the release does not have, and adds what it has in addition.
    pub fn adapt(&self, state: &mut State) {
        let tables: Vec<String> = state.tables().map(str::to_owned).collect();
        for table in tables {
            let Some(columns) = self.0.get(&table) else {
                state.rows_mut(&table).clear();
                continue;
            };
            for row in state.rows_mut(&table) {
                let Value::Object(fields) = row else { continue };
                fields.retain(|column, _| columns.contains_key(column));
                for (column, value) in columns {
                    fields.entry(column).or_insert_with(|| value.clone());
                }
                // Servers whose software is known to be of this kind; the default is for others.
                if table == "users" && fields.get("local") == Some(&Value::Bool(false)) {
                    fields.entry("ap_enabled").and_modify(|enabled| *enabled = Value::Bool(true));
                }
            }
        }
    }
}
