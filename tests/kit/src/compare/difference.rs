//! Differences between rows, and how they are displayed.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

/// A difference between the actual rows and the recording.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Table of the row.
    pub table: String,
    /// Primary key of the row, or a title for a new row.
    pub row: String,
    /// Kind of the difference.
    pub kind: Kind,
}

/// Kind of a difference.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// An old row was deleted and should have been kept.
    Gone,
    /// An old row was kept and should have been deleted.
    StillThere,
    /// A new row is missing.
    Missing(Value),
    /// A new row was not expected.
    Unexpected(Value),
    /// One value in the row differs.
    Differs {
        /// Path of the value in the row, e.g. `data.repliesCount`.
        path: String,
        /// Recorded value; `None` if the path should not exist.
        expected: Option<Value>,
        /// Actual value; `None` if the path does not exist.
        actual: Option<Value>,
    },
}

impl Difference {
    pub(super) fn new(table: &str, row: &str, kind: Kind) -> Self {
        Self { table: table.to_owned(), row: row.to_owned(), kind }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}, {}: ", self.table, self.row)?;
        let show = |value: &Option<Value>| {
            value.as_ref().map_or_else(|| "nothing".to_owned(), Value::to_string)
        };
        match &self.kind {
            Kind::Gone => formatter.write_str("is gone, but should have stayed"),
            Kind::StillThere => formatter.write_str("is still there, but should be gone"),
            Kind::Missing(row) => write!(formatter, "was not made: {row}"),
            Kind::Unexpected(row) => write!(formatter, "should not have been made: {row}"),
            Kind::Differs { path, expected, actual } => write!(
                formatter,
                "{path} should be\n    {}\n  but is\n    {}",
                show(expected),
                show(actual)
            ),
        }
    }
}

/// Lists the paths at which two rows differ.
pub(super) fn leaf_differences(
    table: &str,
    row: &str,
    expected: &Value,
    actual: &Value,
) -> Vec<Difference> {
    let mut places = Vec::new();
    walk(String::new(), Some(expected), Some(actual), &mut places);
    places
        .into_iter()
        .map(|(path, expected, actual)| {
            let kind = Kind::Differs { path, expected: expected.cloned(), actual: actual.cloned() };
            Difference::new(table, row, kind)
        })
        .collect()
}

type Place<'a> = (String, Option<&'a Value>, Option<&'a Value>);

/// Descends where both values are objects. Lists are shown whole, because their order matters.
fn walk<'a>(
    path: String,
    expected: Option<&'a Value>,
    actual: Option<&'a Value>,
    places: &mut Vec<Place<'a>>,
) {
    if expected == actual {
        return;
    }
    if let (Some(Value::Object(wanted)), Some(Value::Object(found))) = (expected, actual) {
        let names: BTreeSet<&String> = wanted.keys().chain(found.keys()).collect();
        for name in names {
            let inner = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            walk(inner, wanted.get(name), found.get(name), places);
        }
    } else {
        places.push((path, expected, actual));
    }
}

/// Pairs rows that differ in a few values only, and removes them from both lists. So a wrong
/// priority is reported as that, not as one missing and one unexpected row.
pub(super) fn pair_up(missing: &mut Vec<Value>, extra: &mut Vec<Value>) -> Vec<(Value, Value)> {
    const CLOSE: usize = 4;
    let mut pairs = Vec::new();
    let mut alone = Vec::new();
    for wanted in missing.drain(..) {
        let nearest = extra
            .iter()
            .enumerate()
            .map(|(index, found)| (leaf_differences("", "", &wanted, found).len(), index))
            .min();
        match nearest {
            Some((distance, index)) if distance <= CLOSE => {
                pairs.push((wanted, extra.swap_remove(index)));
            }
            _ => alone.push(wanted),
        }
    }
    *missing = alone;
    pairs
}

/// Returns a readable title for a new row.
pub(super) fn title(table: &str, row: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    match table {
        "activities" => {
            format!("new {} of {}", text(&row["data"]["type"]), row["data"]["object"])
        }
        "objects" => format!("new {} {}", text(&row["data"]["type"]), row["data"]["id"]),
        "oban_jobs" => {
            let worker = text(&row["worker"]);
            let worker = worker.rsplit('.').next().unwrap_or_default();
            format!("new {worker} job ({})", text(&row["args"]["op"]))
        }
        _ => "new row".to_owned(),
    }
}
