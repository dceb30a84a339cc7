//! Reading payloads and cursors that another version may have written.
//!
//! serde ignores unknown fields. Here that would be wrong: a newer version's field says how to do a
//! run, and each batch rewrites the cursor, without that field.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

/// Reason why this version cannot act on a stored value.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The value does not have the expected type.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// The value has a field that this version does not know.
    #[error("unknown field `{0}`")]
    Field(String),
}

/// Reads a stored value, unless part of it would be lost.
pub fn read<T: DeserializeOwned + Serialize>(stored: &Value) -> Result<T, Unreadable> {
    let value: T = serde_json::from_value(stored.clone())?;
    let written = serde_json::to_value(&value)?;
    let mut lost = Vec::new();
    collect_lost(stored, &written, &mut Vec::new(), &mut lost);
    for path in lost {
        if !matters::<T>(stored, &written, &path) {
            return Err(Unreadable::Field(name(&path)));
        }
    }
    Ok(value)
}

/// Place in a JSON value: names of fields, and indexes in lists.
type Path = Vec<String>;

/// Collects the fields that are stored and not written again.
fn collect_lost(stored: &Value, written: &Value, path: &mut Path, lost: &mut Vec<Path>) {
    let mut enter = |name: &str, stored: &Value, written: Option<&Value>| {
        path.push(name.to_owned());
        match written {
            Some(written) => collect_lost(stored, written, path, lost),
            None => lost.push(path.clone()),
        }
        path.pop();
    };
    match (stored, written) {
        (Value::Object(stored), Value::Object(written)) => {
            for (name, value) in stored {
                enter(name, value, written.get(name));
            }
        }
        (Value::Array(stored), Value::Array(written)) if stored.len() == written.len() => {
            for (number, value) in stored.iter().enumerate() {
                enter(&number.to_string(), value, written.get(number));
            }
        }
        _ => {}
    }
}

/// Whether a field has a meaning although it is not written again, such as a field that is left out
/// when it has its default: then its value matters as well.
fn matters<T: DeserializeOwned + Serialize>(stored: &Value, written: &Value, path: &Path) -> bool {
    let probes = [json!("\u{0}"), json!(-1.5), json!(true), Value::Object(Map::new())];
    probes.into_iter().any(|probe| {
        let mut changed = stored.clone();
        let Some(place) = changed.pointer_mut(&pointer(path)) else { return true };
        *place = probe;
        let read: Result<T, _> = serde_json::from_value(changed);
        read.ok().and_then(|value| serde_json::to_value(value).ok()).as_ref() != Some(written)
    })
}

fn pointer(path: &Path) -> String {
    path.iter()
        .flat_map(|name| ["/".to_owned(), name.replace('~', "~0").replace('/', "~1")])
        .collect()
}

fn name(path: &Path) -> String {
    path.join(".")
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Payload {
        nickname: String,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        thorough: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        excluded: Vec<Spared>,
        #[serde(flatten)]
        step: Step,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Spared {
        id: u32,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "step", rename_all = "snake_case")]
    enum Step {
        Posts { after: i64 },
        Account,
    }

    fn refusal(stored: &Value) -> String {
        read::<Payload>(stored).map_or_else(|error| error.to_string(), |value| format!("{value:?}"))
    }

    #[test]
    fn what_this_version_knows_is_read() {
        for stored in [
            json!({"nickname": "alice", "step": "account"}),
            json!({"nickname": "alice", "step": "posts", "after": 7, "thorough": true}),
            // Defaults that are spelled out.
            json!({"nickname": "alice", "step": "account", "thorough": false, "reason": null, "excluded": []}),
            json!({"nickname": "alice", "step": "account", "excluded": [{"id": 1}]}),
        ] {
            assert!(read::<Payload>(&stored).is_ok(), "{stored}: {}", refusal(&stored));
        }
    }

    #[test]
    fn a_field_that_would_be_lost_is_named() {
        for (more, named) in [
            (json!({"newer": true}), "unknown field `newer`"),
            // A default of this version need not be that of a newer one.
            (json!({"newer": false}), "unknown field `newer`"),
            (json!({"newer": null}), "unknown field `newer`"),
            (json!({"a/b~c": {}}), "unknown field `a/b~c`"),
            // A field of another step.
            (json!({"after": 7}), "unknown field `after`"),
            (
                json!({"excluded": [{"id": 1}, {"id": 2, "why": "x"}]}),
                "unknown field `excluded.1.why`",
            ),
        ] {
            let mut stored = json!({"nickname": "alice", "step": "account"});
            for (name, value) in more.as_object().into_iter().flatten() {
                stored[name] = value.clone();
            }
            assert_eq!(refusal(&stored), named, "{stored}");
        }
    }

    #[test]
    fn another_type_and_another_step_are_reported_as_serde_does() {
        let stored = json!({"nickname": "alice", "step": "purge"});
        assert!(refusal(&stored).starts_with("unknown variant `purge`"), "{}", refusal(&stored));
        let stored = json!({"nickname": 7, "step": "account"});
        assert!(refusal(&stored).contains("expected a string"), "{}", refusal(&stored));
    }
}
