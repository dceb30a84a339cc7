//! Names for new rows that do not depend on their generated ids.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDateTime;
use serde_json::{Value, json};
use uuid::Uuid;

use super::rows::{canonical_new, time_of};
use crate::flake::flake_text;
use crate::state::State;

/// Symbols of all new rows, by each way in which other rows refer to them.
pub(super) struct Symbols {
    /// Symbol of a uuid, its flake text, or an ActivityPub id.
    texts: BTreeMap<String, String>,
    /// Symbol of a number in `objects.id`.
    objects: BTreeMap<i64, String>,
    /// Number of references to each text or number of a new row, by place of the reference.
    references: BTreeMap<String, BTreeMap<String, u64>>,
    /// Expiry times of posts: a job scheduled for one is compared by that time, not by the delay
    /// since its insertion.
    expirations: BTreeSet<NaiveDateTime>,
}

impl Symbols {
    /// Names the new rows of a state after their content.
    pub(super) fn of(before: &State, after: &State, is_new: impl Fn(&str, &Value) -> bool) -> Self {
        let known = activitypub_ids(before);
        let mut symbols = Self {
            texts: BTreeMap::new(),
            objects: BTreeMap::new(),
            references: BTreeMap::new(),
            expirations: expirations(before),
        };
        let new: Vec<(&str, &Value)> = after
            .tables()
            .flat_map(|table| after.rows(table).iter().map(move |row| (table, row)))
            .filter(|(table, row)| is_new(table, row))
            .collect();
        // First without references, then with references to the rows that the first round named.
        for (table, row) in &new {
            for name in names(table, row, &known) {
                symbols.texts.insert(name, format!("«a new row of {table}»"));
            }
            if let (&"objects", Some(id)) = (table, row["id"].as_i64()) {
                symbols.objects.insert(id, "«a new row of objects»".to_owned());
            }
        }
        let mut texts = BTreeMap::new();
        let mut objects = BTreeMap::new();
        for (table, row) in &new {
            let says = symbols.resolve(table, &canonical_new(table, row, &symbols.expirations));
            let symbol = format!("«the new row of {table} {says}»");
            if let (&"objects", Some(id)) = (table, row["id"].as_i64()) {
                objects.insert(id, symbol.clone());
            }
            for name in names(table, row, &known) {
                texts.insert(name, symbol.clone());
            }
        }
        symbols.texts = texts;
        symbols.objects = objects;
        for table in after.tables() {
            for row in after.rows(table) {
                symbols.count_references(table, row);
            }
        }
        symbols
    }

    /// Replaces every reference to a new row with that row's symbol.
    pub(super) fn resolve(&self, table: &str, row: &Value) -> Value {
        let mut row = row.clone();
        visit(&mut row, &mut String::new(), &mut |path, value| {
            if let Some(symbol) = self.symbol(table, path, value) {
                *value = json!(symbol);
            }
        });
        row
    }

    /// Returns the content of a new row, and the number of references to this very row: two rows
    /// with the same content must each have their own job.
    pub(super) fn canonical_new(&self, table: &str, row: &Value) -> Value {
        let mut canonical = self.resolve(table, &canonical_new(table, row, &self.expirations));
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for name in names(table, row, &BTreeSet::new()) {
            for (place, count) in self.references.get(&name).into_iter().flatten() {
                *counts.entry(place).or_default() += count;
            }
        }
        if let (Some(columns), false) = (canonical.as_object_mut(), counts.is_empty()) {
            columns.insert("(referred to from)".to_owned(), json!(counts));
        }
        canonical
    }

    fn count_references(&mut self, table: &str, row: &Value) {
        let mut row = row.clone();
        let mut found = Vec::new();
        visit(&mut row, &mut String::new(), &mut |path, value| {
            // A row's own id is not a reference to it.
            let own = path == "id" || (path == "data.id" && table != "oban_jobs");
            if !own && self.symbol(table, path, value).is_some() {
                let name = value.as_str().map_or_else(|| object_name(value), str::to_owned);
                found.push((name, format!("{table}.{path}")));
            }
        });
        for (name, place) in found {
            *self.references.entry(name).or_default().entry(place).or_default() += 1;
        }
    }

    fn symbol(&self, table: &str, path: &str, value: &Value) -> Option<&str> {
        match value {
            Value::String(text) => self.texts.get(text).map(String::as_str),
            Value::Number(number) if names_an_object(table, path) => {
                self.objects.get(&number.as_i64()?).map(String::as_str)
            }
            _ => None,
        }
    }
}

/// Whether a number in this place is an `objects.id`.
fn names_an_object(table: &str, path: &str) -> bool {
    path == "object_id"
        || (table == "oban_jobs" && path == "args.object")
        // Pleroma 2.2 has a row for each context.
        || (matches!(table, "activities" | "oban_jobs") && path.ends_with("context_id"))
}

/// Lists the texts by which other rows refer to a row. An ActivityPub id that existed before is
/// fixed, not generated.
fn names(table: &str, row: &Value, known: &BTreeSet<&str>) -> Vec<String> {
    let mut names = Vec::new();
    if let Some(id) = row["id"].as_str().and_then(|text| text.parse::<Uuid>().ok()) {
        names.push(id.to_string());
        names.push(flake_text(id));
    }
    if matches!(table, "activities" | "objects")
        && let Some(id) = row["data"]["id"].as_str()
        && !known.contains(id)
    {
        names.push(id.to_owned());
    }
    if table == "objects" {
        names.push(object_name(&row["id"]));
    }
    names
}

/// Returns the name under which references by number are counted; no text in a row has this form.
fn object_name(id: &Value) -> String {
    format!("«object {id}»")
}

/// Lists the expiry times of posts.
fn expirations(before: &State) -> BTreeSet<NaiveDateTime> {
    let times =
        before.rows("activities").iter().filter_map(|row| row["data"]["expires_at"].as_str());
    times.filter_map(|text| time_of(text.trim_end_matches('Z'))).collect()
}

/// Lists the ids of activities and objects in the rows before the command.
fn activitypub_ids(before: &State) -> BTreeSet<&str> {
    let rows = before.rows("activities").iter().chain(before.rows("objects"));
    rows.flat_map(|row| {
        let data = &row["data"];
        [&data["id"], &data["object"], &data["object"]["id"], &data["object"][0]]
    })
    .filter_map(Value::as_str)
    .collect()
}

/// Calls `look` with every leaf and its path, e.g. `args.activity_id` or `recipients.0`.
fn visit(value: &mut Value, path: &mut String, look: &mut impl FnMut(&str, &mut Value)) {
    let length = path.len();
    let mut step = |name: &str, value: &mut Value| {
        if length > 0 {
            path.push('.');
        }
        path.push_str(name);
        visit(value, path, look);
        path.truncate(length);
    };
    match value {
        Value::Object(fields) => fields.iter_mut().for_each(|(name, value)| step(name, value)),
        Value::Array(items) => {
            for (index, value) in items.iter_mut().enumerate() {
                step(&index.to_string(), value);
            }
        }
        leaf => look(path, leaf),
    }
}
