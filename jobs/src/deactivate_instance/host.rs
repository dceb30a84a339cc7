//! The host of an instance, as an operator types it.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::Host as UrlHost;

use super::not_a_host;
use ostrakon_engine::JobError;
use ostrakon_server::Server;

/// Host name in lower case and ASCII (punycode), without a trailing dot.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Host(String);

/// Reason why a text is not accepted as a host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{typed:?} is not the host of an instance: {reason}")]
pub struct InvalidHost {
    typed: String,
    reason: String,
}

/// Maximum number of typed characters that an error repeats.
const TYPED_MAX: usize = 80;

/// Maximum length of a label, and of a name, in octets (RFC 1035, 2.3.4).
const LABEL_MAX: usize = 63;
const NAME_MAX: usize = 253;

impl Host {
    /// Parses what an operator typed: any case, Unicode or punycode, with or without a trailing
    /// dot.
    ///
    /// # Errors
    ///
    /// Refuses what is not a host name of at least two labels, and says what it looks like instead.
    /// That includes what could match more than one instance (nothing, `%`, `_`, `*`), and
    /// addresses: instances are known by name.
    pub fn parse(typed: &str) -> Result<Self, InvalidHost> {
        let invalid = |reason| {
            let mut shown: String = typed.chars().take(TYPED_MAX).collect();
            if shown.len() < typed.len() {
                shown.push('…');
            }
            InvalidHost { typed: shown, reason }
        };
        let text = typed.trim().trim_start_matches('@');
        let text = text.strip_suffix('.').unwrap_or(text);
        if let Some(reason) = not_a_host::looks_like(text) {
            return Err(invalid(reason));
        }
        match UrlHost::parse(text) {
            Ok(UrlHost::Domain(domain)) => match fault(&domain) {
                None => Ok(Self(domain)),
                Some(reason) => Err(invalid(reason)),
            },
            Ok(UrlHost::Ipv4(_) | UrlHost::Ipv6(_)) => {
                Err(invalid("it is an address; instances are known by name".to_owned()))
            }
            Err(_) => Err(invalid(not_a_host::RULE.to_owned())),
        }
    }

    /// Host name in ASCII.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Host name in Unicode: nicknames may be stored in either form.
    pub fn unicode(&self) -> String {
        idna::domain_to_unicode(&self.0).0
    }

    /// Refuses the server's own host, and its parent domains if sub-domains are included. `what`: the
    /// end of a sentence that begins with the host.
    pub(crate) fn refuse_own(
        &self,
        server: &Server,
        include_subdomains: bool,
        what: &str,
    ) -> Result<(), JobError> {
        let own = server.host.as_str();
        if include_subdomains && own.ends_with(&self.suffix()) {
            return Err(JobError::Refuse(format!(
                "{own}, this server's own host, is a sub-domain of {self}: {what}"
            )));
        }
        if self.as_str() == own {
            return Err(JobError::Refuse(format!("{self} is this server's own host: {what}")));
        }
        Ok(())
    }

    /// Suffix of the names of sub-domains.
    pub fn suffix(&self) -> String {
        format!(".{}", self.0)
    }
}

/// Returns what is wrong with a name in ASCII. The conversion to ASCII accepts far more than a host
/// name may contain, and turns full-width characters into plain ones.
fn fault(domain: &str) -> Option<String> {
    if let Some(reason) = not_a_host::wrong_character(domain) {
        return Some(reason);
    }
    if domain.len() > NAME_MAX {
        return Some(format!("a host name has at most {NAME_MAX} characters"));
    }
    let labels: Vec<&str> = domain.split('.').collect();
    if labels.len() < 2 {
        return Some("a host has at least one dot".to_owned());
    }
    if labels.iter().any(|label| label.is_empty()) {
        return Some("there is nothing between two of its dots".to_owned());
    }
    if labels.iter().any(|label| label.len() > LABEL_MAX) {
        return Some(format!("between two dots there are at most {LABEL_MAX} characters"));
    }
    let hyphen = |label: &&str| label.starts_with('-') || label.ends_with('-');
    labels.iter().any(hyphen).then(|| "no part of a host begins or ends with a hyphen".to_owned())
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

    fn parsed(typed: &str) -> Result<String, String> {
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
        let longest = format!("{0}.{0}.{0}.{1}", "a".repeat(63), "b".repeat(61));
        assert_eq!(parsed(&longest), Ok(longest));
        assert_eq!(parsed("4chan.7-11.x--y.example").as_deref(), Ok("4chan.7-11.x--y.example"));
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
            // Full-width forms, found by the fuzzer.
            "b\u{ff3f}d.example",
            "\u{ff0a}.example",
            "spam\u{ff05}.example",
        ] {
            assert!(parsed(typed).is_err(), "{typed}");
        }
    }

    #[test]
    fn what_is_not_a_host_name_is_refused() {
        let long_label = format!("{}.example", "a".repeat(64));
        let long_name = format!("{}example", "label.".repeat(50));
        for typed in [
            "192.0.2.7",
            "[2001:db8::1]",
            "2001:db8::1",
            "spam.example:443",
            "localhost",
            "spam..example",
            ".spam.example",
            "spam.example..",
            "-spam.example",
            "spam-.example",
            "spam.-example",
            "spam.example-",
            "spam.example;",
            "spam.example!",
            "\"spam.example\"",
            "spam.$(example)",
            "spam.example\u{ff0c}other.example",
            &long_label,
            &long_name,
        ] {
            assert!(parsed(typed).is_err(), "{typed}");
        }
    }

    #[test]
    fn an_error_repeats_the_beginning_of_what_was_typed() {
        let error = Host::parse(&"x".repeat(10_000)).err().map(|error| error.to_string());
        assert!(error.is_some_and(|error| error.len() < 200));
    }

    /// Whether a name consists of labels as in RFC 1123, checked independently of the parser.
    fn made_of_labels(name: &str) -> bool {
        let alphanumeric = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let label = |label: &str| {
            let bytes = label.as_bytes();
            (1..=63).contains(&bytes.len())
                && alphanumeric(bytes.first())
                && alphanumeric(bytes.last())
                && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
        };
        name.len() <= 253 && name.contains('.') && name.split('.').all(label)
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_typed_is_read_or_refused(
            typed in "\\PC{0,60}|[a-zA-Z0-9.@%_*,;:/-]{0,40}|([a-z0-9-]{1,70}\\.){1,5}[a-z]{0,5}|([\\PC]{1,5}\\.){1,3}[\\PC]{1,5}",
        ) {
            if let Ok(host) = Host::parse(&typed) {
                assert!(made_of_labels(host.as_str()), "{typed:?} was read as {host}");
                assert_eq!(host.as_str(), host.as_str().to_lowercase());
                assert_eq!(Host::parse(host.as_str()).as_ref(), Ok(&host));
                assert_eq!(Host::parse(&host.unicode()).as_ref(), Ok(&host));
            }
        }
    }
}
