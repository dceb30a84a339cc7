//! Recordings hold on releases of which none was recorded, but that do not differ in what the
//! command does.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde_json::{Map, Value};
use testkit::{Database, Release, State, Transition};

use super::replay_on;

/// Columns of the release's tables, each with the value of old rows where the recording has none.
struct Tables(BTreeMap<String, Map<String, Value>>);

impl Tables {
    async fn of(database: &Database) -> Result<Self> {
        // A column without a default that must not be null: any id.
        let rows: Vec<(String, Value)> = sqlx::query_as(
            "select c.relname::text, jsonb_object_agg(a.attname, case
                 when pg_get_expr(d.adbin, d.adrelid) in ('false', 'true')
                     then to_jsonb(pg_get_expr(d.adbin, d.adrelid)::boolean)
                 when a.attnotnull and a.atttypid = 'uuid'::regtype
                     then to_jsonb('00000000-0000-0000-0000-000000000007'::text) end)
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
    fn adapt(&self, state: &mut State) {
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
            }
        }
    }
}

/// Replays the recordings of the release's base whose names begin with a prefix.
async fn replay_all_on(name: &str, prefix: &str) -> Result<()> {
    let release = Release::ALL.iter().find(|release| release.name == name).context("no release")?;
    let tables = Tables::of(&Database::of_release(release).await?).await?;
    let mut recordings = Transition::all(release.base, prefix)?;
    for transition in &mut recordings {
        let after = transition.steps.iter_mut().map(|step| &mut step.after);
        let states = after.chain([&mut transition.before]).chain(&mut transition.after_jobs);
        states.for_each(|state| tables.adapt(state));
    }
    replay_on(release, recordings).await
}

/// Defines a test for each group of recordings of a release.
macro_rules! replays {
    ($($test:ident: $release:literal $prefix:literal,)+) => {
        $(#[tokio::test]
        async fn $test() -> Result<()> {
            replay_all_on($release, $prefix).await
        })+
    };
}

// Where the other releases of a dialect differ least from the recorded one nothing more would be
// seen: each of these has all changes of those before it.
replays! {
    pleroma_2_9_delete_activities: "pleroma-2.9" "da_",
    pleroma_2_9_rm: "pleroma-2.9" "rm_",
    pleroma_2_9_deactivate: "pleroma-2.9" "deactivate_",
    pleroma_2_9_new: "pleroma-2.9" "new_",
    akkoma_3_19_delete_activities: "akkoma-3.19" "da_",
    akkoma_3_19_activate: "akkoma-3.19" "activate_",
    akkoma_3_19_rm: "akkoma-3.19" "rm_",
    akkoma_3_19_deactivate: "akkoma-3.19" "deactivate_",
    akkoma_3_19_new: "akkoma-3.19" "new_",
    akkoma_3_19_set: "akkoma-3.19" "set_",
    akkoma_3_19_show: "akkoma-3.19" "show",
    akkoma_3_19_list: "akkoma-3.19" "list_",
    akkoma_3_19_confirm: "akkoma-3.19" "confirm_",
    // New accounts have other addresses there: `cli::akkoma_3_20`.
    akkoma_3_20_delete_activities: "akkoma-3.20" "da_",
    akkoma_3_20_rm: "akkoma-3.20" "rm_",
    akkoma_3_20_deactivate: "akkoma-3.20" "deactivate_",
    akkoma_3_20_set: "akkoma-3.20" "set_",
    akkoma_3_20_show: "akkoma-3.20" "show",
}
