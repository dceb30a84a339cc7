//! Selectors in words.

use chrono::{DateTime, Utc};
use ostrakon_server::Selectors;
use serde_json::Value;

/// Describes stored selectors; as JSON if they cannot be read.
pub(super) fn describe(stored: &Value) -> String {
    serde_json::from_value(stored.clone())
        .map_or_else(|_error| stored.to_string(), |read| words(&read))
}

/// Describes selectors by their flags, and times in UTC.
fn words(selectors: &Selectors) -> String {
    let at = |at: DateTime<Utc>| at.format("%Y-%m-%d %H:%M").to_string();
    let mut words: Vec<String> = Vec::new();
    let mut flag = |name: &str, is_set: bool| {
        if is_set {
            words.push(format!("--{name}"));
        }
    };
    flag("local", selectors.local == Some(true));
    flag("remote", selectors.local == Some(false));
    flag("unconfirmed", selectors.unconfirmed);
    flag("unapproved", selectors.unapproved);
    flag("never-posted", selectors.never_posted);
    flag("no-followers", selectors.no_followers);
    flag("exclude-followed", selectors.exclude_followed);
    flag("include-subdomains", selectors.include_subdomains);
    flag("from-file", selectors.from_file);
    let mut list = |name: &str, values: &[String]| {
        words.extend(values.iter().map(|value| format!("--{name} {value}")));
    };
    list("host", &selectors.hosts);
    list("email-domain", &selectors.email_domains);
    list("nick", &selectors.nicknames);
    let texts = [
        ("bio-has", &selectors.bio_has),
        ("reason-has", &selectors.reason_has),
        ("post-has", &selectors.post_has),
    ];
    for (name, text) in texts {
        words.extend(text.iter().map(|text| format!("--{name} {text:?}")));
    }
    words.extend(selectors.created_from.map(|from| format!("created from {}", at(from))));
    words.extend(selectors.created_before.map(|before| format!("created before {}", at(before))));
    words.extend(selectors.inactive_since.map(|since| format!("inactive since {}", at(since))));
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::describe;

    #[test]
    fn selectors_read_as_they_were_typed() {
        let stored = json!({
            "local": true, "never_posted": true, "hosts": ["a.example", "b.example"],
            "bio_has": "x \"y\"", "created_from": "2026-11-20T00:00:00Z",
        });
        let expected = "--local, --never-posted, --host a.example, --host b.example, \
                        --bio-has \"x \\\"y\\\"\", created from 2026-11-20 00:00";
        assert_eq!(describe(&stored), expected);
        assert_eq!(describe(&json!({})), "none");
        assert_eq!(describe(&json!({"of_next_year": 1})), r#"{"of_next_year":1}"#);
    }
}
