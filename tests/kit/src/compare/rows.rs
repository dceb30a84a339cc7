//! The comparable content of a single row.

use std::{collections::BTreeSet, fmt};

use chrono::{NaiveDateTime, Timelike as _};
use serde_json::{Map, Value, json};

use super::mail::canonical_mail;
use crate::state::State;

/// Columns with random values.
const SECRETS: [&str; 8] = [
    "token",
    "refresh_token",
    "confirmation_token",
    "password_hash",
    "keys",
    "public_key",
    "private_key",
    "key_id",
];

/// Placeholder for a generated time of the right form.
pub(super) const SOME_TIME: &str = "(a time)";

/// Primary key of a row, as text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(Vec<String>);

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.join(", "))
    }
}

/// Returns the primary key of a row, or the whole row if its table has none.
pub(super) fn key_of(table: &str, row: &Value) -> Key {
    let columns: &[&str] = match table {
        "data_migration_failed_ids" => &["data_migration_id", "record_id"],
        "hashtags_objects" => &["hashtag_id", "object_id"],
        "oban_peers" => &["name"],
        "schema_migrations" => &["version"],
        "signing_keys" => &["key_id"],
        "user_frontend_setting_profiles" => &["user_id", "frontend_name", "profile_name"],
        "oban_beats" => return Key(vec![row.to_string()]),
        _ => &["id"],
    };
    Key(columns
        .iter()
        .map(|column| match &row[*column] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
        .collect())
}

/// Removes the zero counts of replies and quotes that the original writes to objects that are
/// already tombstones.
pub(super) fn forgive_tombstone_counts(state: &mut State) {
    for row in state.rows_mut("objects") {
        if row["data"]["type"] != "Tombstone" {
            continue;
        }
        if let Some(data) = row["data"].as_object_mut() {
            for count in ["repliesCount", "quotesCount"] {
                if data.get(count).is_some_and(|value| *value == json!(0)) {
                    data.remove(count);
                }
            }
        }
    }
}

/// Replaces values that may differ in an old row.
pub(super) fn canonical_kept(table: &str, before: &Value, after: &Value) -> Value {
    let mut row = after.clone();
    let Some(columns) = row.as_object_mut() else { return row };
    for (name, value) in columns.iter_mut() {
        let loose = is_time_column(name, value) || is_secret(name, value);
        if loose {
            *value = json!(if *value == before[name] { "(unchanged)" } else { "(changed)" });
        }
    }
    if table == "objects" && before["data"] != after["data"] {
        canonical_tombstone(columns);
    }
    if table == "oban_jobs" {
        canonical_mail(columns);
    }
    row
}

/// Replaces times and secrets in a new row, and removes its id.
pub(super) fn canonical_new(
    table: &str,
    row: &Value,
    expirations: &BTreeSet<NaiveDateTime>,
) -> Value {
    let mut row = row.clone();
    let schedule = schedule(&row, expirations);
    let Some(columns) = row.as_object_mut() else { return row };
    columns.remove("id");
    for (name, value) in columns.iter_mut() {
        if is_time_column(name, value) {
            *value = json!(SOME_TIME);
        } else if is_secret(name, value) {
            *value = json!("(a secret)");
        }
    }
    if let (Some(schedule), true) = (schedule, columns.contains_key("scheduled_at")) {
        columns.insert("scheduled_at".to_owned(), json!(schedule));
    }
    match table {
        "activities" => {
            if let Some(published) = columns.get_mut("data").and_then(|d| d.get_mut("published"))
                && is_published_time(published)
            {
                *published = json!(SOME_TIME);
            }
        }
        "objects" => canonical_tombstone(columns),
        "oban_jobs" => canonical_mail(columns),
        _ => {}
    }
    row
}

/// Describes when a row is scheduled: at a post's expiry, or whole seconds after its insertion.
fn schedule(row: &Value, expirations: &BTreeSet<NaiveDateTime>) -> Option<String> {
    let time = |column: &str| time_of(row[column].as_str()?);
    let scheduled = time("scheduled_at")?;
    if expirations.contains(&scheduled) {
        return Some(format!("(at {scheduled})"));
    }
    let between = scheduled - time("inserted_at")?;
    // Half a second is added so that the fraction is rounded, not cut off.
    Some(format!("(after {} s)", (between.num_milliseconds() + 500).div_euclid(1000)))
}

/// Replaces the time of deletion if it has the form that the servers write.
fn canonical_tombstone(columns: &mut Map<String, Value>) {
    let Some(data) = columns.get_mut("data").and_then(Value::as_object_mut) else { return };
    if data.get("type") != Some(&json!("Tombstone")) {
        return;
    }
    if let Some(deleted) = data.get_mut("deleted") {
        *deleted = if is_published_time(deleted) {
            json!(SOME_TIME)
        } else {
            json!(format!("(not ISO 8601 UTC with microseconds and Z: {deleted})"))
        };
    }
}

/// Whether a value is a time in the servers' JSON form: `2026-01-31T12:00:00.123456Z`.
pub(super) fn is_published_time(value: &Value) -> bool {
    value.as_str().is_some_and(|text| {
        text.len() == 27 && text.ends_with('Z') && time_of(&text[..26]).is_some()
    })
}

fn is_time_column(name: &str, value: &Value) -> bool {
    name.ends_with("_at") && value.as_str().is_some_and(|text| time_of(text).is_some())
}

fn is_secret(name: &str, value: &Value) -> bool {
    SECRETS.contains(&name) && value.is_string()
}

pub(super) fn time_of(text: &str) -> Option<NaiveDateTime> {
    let time = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok()?;
    // PostgreSQL never writes a leap second.
    (time.nanosecond() < 1_000_000_000).then_some(time)
}
