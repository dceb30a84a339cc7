//! Documents within rows: JSON text in a job's arguments, an activity within an activity.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::rows::{SOME_TIME, is_published_time};
use crate::state::State;

/// Parses the documents within rows, and replaces generated contexts and times in them.
pub(super) fn open(after: &mut State, before: &State) {
    let known = known(before);
    let contexts: BTreeSet<String> = after
        .rows("objects")
        .iter()
        .filter_map(|row| Some(row["data"]["id"].as_str()?.to_owned()))
        .collect();
    let made_up = |context: &Value| {
        // A context with a row of its own is named after that row.
        context.as_str().is_some_and(|text| !known.contains(text) && !contexts.contains(text))
    };
    for job in after.rows_mut("oban_jobs") {
        for pointer in ["/args/object_data", "/args/params/json"] {
            let Some(text) = job.pointer_mut(pointer) else { continue };
            if let Some(mut document) = parsed(text) {
                canonical(&mut document, &known, &made_up);
                *text = document;
            }
        }
    }
    for row in after.rows_mut("activities") {
        if let Some(data) = row.get_mut("data") {
            let outer = data["context"].clone();
            let same = data["object"]["context"] == outer;
            if let Some(embedded) = data.get_mut("object") {
                canonical(embedded, &known, &made_up);
            }
            if same && made_up(&outer) {
                data["context"] = json!(SOME_CONTEXT);
            }
        }
    }
}

/// Placeholder for a generated context.
const SOME_CONTEXT: &str = "(a context)";

/// Parses JSON text in the form that the servers write: compact, with sorted keys.
fn parsed(text: &Value) -> Option<Value> {
    let text = text.as_str()?;
    let document: Value = serde_json::from_str(text).ok()?;
    let compact = document.to_string();
    (compact == text).then_some(document)
}

fn canonical(document: &mut Value, known: &BTreeSet<&str>, made_up: &impl Fn(&Value) -> bool) {
    if made_up(&document["context"]) {
        document["context"] = json!(SOME_CONTEXT);
    }
    let published = &document["published"];
    if is_published_time(published) && !published.as_str().is_some_and(|time| known.contains(time))
    {
        document["published"] = json!(SOME_TIME);
    }
    if document["object"].is_object() {
        canonical(&mut document["object"], known, made_up);
    }
}

/// Contexts and publication times in the rows before the command.
fn known(before: &State) -> BTreeSet<&str> {
    let rows = before.rows("activities").iter().chain(before.rows("objects"));
    rows.flat_map(|row| {
        let data = &row["data"];
        [
            &data["context"],
            &data["published"],
            &data["object"]["context"],
            &data["object"]["published"],
        ]
    })
    .filter_map(Value::as_str)
    .collect()
}
