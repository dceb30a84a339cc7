//! Who an activity or object is addressed to, and what that makes of it (docs/semantics.md 1.2).

use serde_json::Value;
use url::Url;

use super::{Flavour, Server};

/// The `ActivityStreams` collection of everybody.
pub const fn as_public() -> &'static str {
    "https://www.w3.org/ns/activitystreams#Public"
}

/// The address fields of an activity or object.
#[derive(Debug, Default, Clone)]
pub struct Addressing<'a> {
    to: Vec<&'a Value>,
    cc: Vec<&'a Value>,
    hidden: Vec<&'a Value>,
}

/// Addresses as a new activity carries them.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Recipients {
    /// Field `to`.
    pub to: Vec<String>,
    /// Field `cc`.
    pub cc: Vec<String>,
}

impl<'a> Addressing<'a> {
    /// Reads the address fields of JSON data; what is not there is empty.
    pub fn of(data: &'a Value) -> Self {
        let field = |name: &str| match data.get(name) {
            Some(Value::Array(entries)) => entries.iter().collect(),
            Some(text @ Value::String(_)) => vec![text],
            _ => Vec::new(),
        };
        let mut hidden: Vec<_> = field("bto");
        hidden.extend(field("bcc"));
        Self { to: field("to"), cc: field("cc"), hidden }
    }

    /// Whether everybody may read it, on the whole network or on this server.
    pub fn is_public(&self, server: &Server) -> bool {
        let local_public = server.local_public();
        self.all().any(|address| address == as_public() || address == local_public)
    }

    fn all(&self) -> impl Iterator<Item = &str> {
        self.to.iter().chain(&self.cc).chain(&self.hidden).filter_map(|entry| entry.as_str())
    }

    /// Everybody addressed in `to` and `cc`, as the one field `to` of a Delete.
    pub fn of_delete(&self, flavour: Flavour) -> Result<Recipients, InvalidAddress> {
        let everybody: Vec<_> = self.to.iter().chain(&self.cc).copied().collect();
        Ok(Recipients { to: normalize(&everybody, flavour)?, cc: Vec::new() })
    }

    /// The same fields, as an Undo carries them.
    pub fn of_undo(&self, flavour: Flavour) -> Result<Recipients, InvalidAddress> {
        Ok(Recipients { to: normalize(&self.to, flavour)?, cc: normalize(&self.cc, flavour)? })
    }
}

impl Recipients {
    /// Whether the activity stays on this server: local-public is addressed, Public is not.
    pub fn is_local_only(&self, server: &Server) -> bool {
        let addressed = |address: &str| self.to.iter().chain(&self.cc).any(|a| a == address);
        addressed(&server.local_public()) && !addressed(as_public())
    }
}

impl Server {
    /// The address of everybody on this server.
    pub(super) fn local_public(&self) -> String {
        format!("{}/#Public", self.base_url)
    }
}

/// An address that makes the server's own validation fail (Pleroma 2.2).
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is addressed to {0}, which is not an http(s) address")]
pub struct InvalidAddress(String);

/// Sorts, removes doubles and drops what is not an address; Pleroma 2.2 instead reverses the order,
/// keeps doubles, and fails on what is not an address.
fn normalize(addresses: &[&Value], flavour: Flavour) -> Result<Vec<String>, InvalidAddress> {
    let valid = |entry: &&&Value| entry.as_str().is_some_and(is_http);
    if flavour == Flavour::Pleroma22 {
        if let Some(invalid) = addresses.iter().find(|entry| !valid(entry)) {
            return Err(InvalidAddress(invalid.to_string()));
        }
        let reversed = addresses.iter().rev();
        return Ok(reversed.filter_map(|entry| entry.as_str()).map(str::to_owned).collect());
    }
    let mut kept: Vec<String> = addresses
        .iter()
        .filter(valid)
        .filter_map(|entry| entry.as_str())
        .map(str::to_owned)
        .collect();
    kept.sort_unstable();
    kept.dedup();
    Ok(kept)
}

fn is_http(text: &str) -> bool {
    Url::parse(text)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_delete_goes_to_everybody_sorted_once_and_only_to_addresses() {
        let data = json!({
            "to": ["https://b.example/u", "mailto:x@y", "https://a.example/u", 7],
            "cc": ["https://b.example/u", "not an address"],
        });
        let recipients = Addressing::of(&data).of_delete(Flavour::Pleroma).map(|r| r.to);
        let expected = ["https://a.example/u", "https://b.example/u"].map(str::to_owned);
        assert_eq!(recipients, Ok(expected.to_vec()));
    }

    #[test]
    fn pleroma22_reverses_keeps_doubles_and_fails_on_what_is_not_an_address() {
        let data = json!({
            "to": ["https://b.example/u", "https://a.example/u"], "cc": ["https://b.example/u"],
        });
        let recipients = Addressing::of(&data).of_delete(Flavour::Pleroma22).map(|r| r.to);
        let expected = ["https://b.example/u", "https://a.example/u", "https://b.example/u"]
            .map(str::to_owned);
        assert_eq!(recipients, Ok(expected.to_vec()));
        let bad = json!({ "to": ["as:Nobody"] });
        assert!(Addressing::of(&bad).of_delete(Flavour::Pleroma22).is_err());
    }
}
