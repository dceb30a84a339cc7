//! A difference, and how it reads.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

/// One point in which the rows are not as recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Table of the row.
    pub table: String,
    /// Which row: its primary key, or for a new row what it is about.
    pub row: String,
    /// What is the matter with it.
    pub kind: Kind,
}

/// What is the matter with a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// It was there before and should have stayed, but is gone.
    Gone,
    /// It was there before and should be gone, but is still there.
    StillThere,
    /// It should have been made, but was not.
    Missing(Value),
    /// It should not have been made, but was.
    Unexpected(Value),
    /// It has another value in one place.
    Differs {
        /// Place in the row, e.g. `data.repliesCount`.
        path: String,
        /// What was recorded; nothing when the place should not exist.
        expected: Option<Value>,
        /// What was found; nothing when the place does not exist.
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

/// Lists the places in which two rows differ.
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

/// Descends where both are objects; lists are shown whole, as their order matters.
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

/// Takes out of both lists the rows that are the same but for a few places, so that a wrong
/// priority reads as that and not as one row too few and one too many.
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

/// Says what a new row is about, for a reader.
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
