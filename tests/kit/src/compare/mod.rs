//! Compares the rows that a command left with recorded rows.
//!
//! Ids, tokens and times that the command generates may differ. Old rows are compared by primary
//! key, their times only as changed or unchanged. New rows are compared as multisets of their
//! content. A reference from one new row to another must lead to a row with the same content. Mails
//! are compared by content, without their bodies.

mod difference;
mod embedded;
mod mail;
mod rows;
mod symbols;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

pub use difference::{Difference, Kind};
pub use mail::decoded_mail;

use crate::state::State;
use difference::{leaf_differences, pair_up, title};
use rows::{Key, canonical_kept, forgive_tombstone_counts, key_of};
use symbols::Symbols;

/// Rows of one side, ready to be compared.
struct Side {
    /// Old rows, by table and primary key.
    kept: BTreeMap<(String, Key), Value>,
    /// New rows, by table.
    new: BTreeMap<String, Vec<Value>>,
}

/// Lists the differences between `actual` and the recording, given the rows before the command.
/// Empty when both have the same content.
pub fn compare(before: &State, expected: &State, actual: &State) -> Vec<Difference> {
    let mut before = before.clone();
    forgive_tombstone_counts(&mut before);
    let before = &before;
    let old = keyed(before);
    let expected = Side::new(before, &old, expected);
    let actual = Side::new(before, &old, actual);
    let mut differences = Vec::new();
    let keys: BTreeSet<_> = expected.kept.keys().chain(actual.kept.keys()).collect();
    for key in keys {
        let (table, id) = key;
        let row = format!("row {id}");
        match (expected.kept.get(key), actual.kept.get(key)) {
            (Some(wanted), Some(found)) => {
                differences.extend(leaf_differences(table, &row, wanted, found));
            }
            (Some(_), None) => differences.push(Difference::new(table, &row, Kind::Gone)),
            (None, Some(_)) => differences.push(Difference::new(table, &row, Kind::StillThere)),
            (None, None) => {}
        }
    }
    let tables: BTreeSet<_> = expected.new.keys().chain(actual.new.keys()).collect();
    for table in tables {
        differences.extend(compare_new(table, expected.new.get(table), actual.new.get(table)));
    }
    differences
}

impl Side {
    fn new(before: &State, old: &BTreeMap<(String, Key), &Value>, after: &State) -> Self {
        let mut after = after.clone();
        forgive_tombstone_counts(&mut after);
        embedded::open(&mut after, before);
        let symbols = Symbols::of(before, &after, |table, row| {
            !old.contains_key(&(table.to_owned(), key_of(table, row)))
        });
        let mut side = Self { kept: BTreeMap::new(), new: BTreeMap::new() };
        for table in after.tables() {
            for row in after.rows(table) {
                let key = (table.to_owned(), key_of(table, row));
                if let Some(earlier) = old.get(&key) {
                    let row = canonical_kept(table, earlier, row);
                    side.kept.insert(key, symbols.resolve(table, &row));
                } else {
                    let row = symbols.canonical_new(table, row);
                    side.new.entry(table.to_owned()).or_default().push(row);
                }
            }
        }
        side
    }
}

fn keyed(state: &State) -> BTreeMap<(String, Key), &Value> {
    state
        .tables()
        .flat_map(|table| {
            let rows = state.rows(table).iter();
            rows.map(move |row| ((table.to_owned(), key_of(table, row)), row))
        })
        .collect()
}

/// Compares the new rows of a table as multisets.
fn compare_new(
    table: &str,
    expected: Option<&Vec<Value>>,
    actual: Option<&Vec<Value>>,
) -> Vec<Difference> {
    let mut counts: BTreeMap<String, (Value, i64)> = BTreeMap::new();
    let sides = [(expected, 1), (actual, -1)];
    for (rows, weight) in sides {
        for row in rows.into_iter().flatten() {
            counts.entry(row.to_string()).or_insert_with(|| (row.clone(), 0)).1 += weight;
        }
    }
    let mut missing = Vec::new();
    let mut extra = Vec::new();
    for (row, count) in counts.into_values() {
        let side = if count > 0 { &mut missing } else { &mut extra };
        for _ in 0..count.abs() {
            side.push(row.clone());
        }
    }
    let mut differences = Vec::new();
    for (wanted, found) in pair_up(&mut missing, &mut extra) {
        differences.extend(leaf_differences(table, &title(table, &wanted), &wanted, &found));
    }
    for row in missing {
        differences.push(Difference::new(table, &title(table, &row), Kind::Missing(row)));
    }
    for row in extra {
        differences.push(Difference::new(table, &title(table, &row), Kind::Unexpected(row)));
    }
    differences
}
