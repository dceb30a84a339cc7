//! The host of an instance, as an operator types it.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::Host as UrlHost;

/// A host name in lower case and ASCII (punycode), without a dot at the end.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Host(String);

/// Why a text is not taken for a host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{typed:?} is not the host of an instance: {reason}")]
pub struct InvalidHost {
    typed: String,
    reason: &'static str,
}

/// What no host has, and what would mean more than one if a statement took it for a pattern.
const WILDCARDS: [char; 3] = ['%', '_', '*'];

impl Host {
    /// Reads what an operator typed: any case, Unicode or punycode, a dot at the end.
    ///
    /// # Errors
    ///
    /// Refuses what could hit more than one instance (empty, `%`, `_`, `*`), and what nicknames do
    /// not have behind their `@` (an address, a URL, a port, a name without a dot).
    pub fn parse(typed: &str) -> Result<Self, InvalidHost> {
        let invalid = |reason| InvalidHost { typed: typed.to_owned(), reason };
        let text = typed.trim().trim_start_matches('@');
        let text = text.strip_suffix('.').unwrap_or(text);
        if text.is_empty() {
            return Err(invalid("it is empty"));
        }
        let wildcard = "wildcards are not accepted, name one host";
        if text.contains(WILDCARDS) {
            return Err(invalid(wildcard));
        }
        if text.contains(['/', ':', '@', ' ']) && !text.starts_with('[') {
            return Err(invalid("give the bare host, without scheme, port, path or nickname"));
        }
        match UrlHost::parse(text) {
            // Unicode has wide forms of them, which become the plain ones.
            Ok(UrlHost::Domain(domain)) if domain.contains(WILDCARDS) => Err(invalid(wildcard)),
            Ok(UrlHost::Domain(domain)) if !domain.contains('.') => {
                Err(invalid("a host has at least one dot"))
            }
            Ok(UrlHost::Domain(domain)) if domain.split('.').any(str::is_empty) => {
                Err(invalid("there is nothing between two of its dots"))
            }
            Ok(UrlHost::Domain(domain)) => Ok(Self(domain)),
            Ok(UrlHost::Ipv4(_) | UrlHost::Ipv6(_)) => {
                Err(invalid("it is an address; instances are known by name"))
            }
            Err(_) => Err(invalid("it is not a host name")),
        }
    }

    /// The name in ASCII.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name in Unicode: nicknames may be stored either way.
    pub fn unicode(&self) -> String {
        idna::domain_to_unicode(&self.0).0
    }

    /// What the names of sub-domains end with.
    pub fn suffix(&self) -> String {
        format!(".{}", self.0)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Host {
    type Error = InvalidHost;

    fn try_from(text: String) -> Result<Self, InvalidHost> {
        Self::parse(&text)
    }
}

impl From<Host> for String {
    fn from(host: Host) -> Self {
        host.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(typed: &str) -> Result<String, &'static str> {
        Host::parse(typed).map(String::from).map_err(|error| error.reason)
    }

    #[test]
    fn hosts_are_read_in_any_spelling() {
        for typed in
            ["spam.example", "SPAM.Example", "spam.example.", "@spam.example", " spam.example"]
        {
            assert_eq!(parsed(typed).as_deref(), Ok("spam.example"), "{typed}");
        }
        assert_eq!(parsed("bücher.example").as_deref(), Ok("xn--bcher-kva.example"));
        assert_eq!(
            Host::parse("xn--bcher-kva.example").map(|h| h.unicode()).as_deref(),
            Ok("bücher.example")
        );
    }

    #[test]
    fn what_could_hit_more_than_one_instance_is_refused() {
        for typed in [
            "",
            " ",
            ".",
            "%",
            "spam%",
            "b_d.example",
            "*.example",
            "@",
            // Their wide forms, found by the fuzzer.
            "b\u{ff3f}d.example",
            "\u{ff0a}.example",
            "spam\u{ff05}.example",
        ] {
            assert!(parsed(typed).is_err(), "{typed}");
        }
    }

    #[test]
    fn what_is_not_a_host_name_is_refused() {
        for typed in [
            "192.0.2.7",
            "[2001:db8::1]",
            "2001:db8::1",
            "https://spam.example",
            "spam.example:443",
            "nick@spam.example",
            "spam.example/x",
            "localhost",
            "a b.example",
            "spam..example",
            ".spam.example",
            "spam.example..",
        ] {
            assert!(parsed(typed).is_err(), "{typed}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_typed_is_read_or_refused(typed in "\\PC{0,60}|[a-zA-Z0-9.@%_*-]{0,40}") {
            if let Ok(host) = Host::parse(&typed) {
                // Nothing is left in it that a pattern or an address would be made of.
                assert!(!host.as_str().contains(['%', '_', '*', '@', '/', ':', ' ']), "{host:?}");
                assert_eq!(host.as_str(), host.as_str().to_lowercase());
                assert_eq!(Host::parse(host.as_str()).as_ref(), Ok(&host));
                assert_eq!(Host::parse(&host.unicode()).as_ref(), Ok(&host));
            }
        }
    }
}
