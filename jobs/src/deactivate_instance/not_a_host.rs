//! Diagnosis of a text that is not a host: what it looks like, and what the operator may have
//! meant.

use std::net::IpAddr;

use url::Url;

use super::Host;

/// Characters that a host name may contain.
pub(super) const RULE: &str = "it is not a host name: letters, digits, hyphens and dots";

/// Wildcards, which would match more than one host if a statement took the text for a pattern.
const WILDCARDS: [char; 3] = ['%', '_', '*'];

/// Severities in lists of blocked domains.
const SEVERITIES: [&str; 6] = ["suspend", "silence", "limit", "noop", "none", "reject"];

/// Describes a text that cannot be a host name; `None` leaves that open.
pub(super) fn looks_like(text: &str) -> Option<String> {
    if text.is_empty() {
        return Some("it is empty".to_owned());
    }
    if text.contains("://") {
        let host = Url::parse(text).ok().and_then(|url| url.host_str().map(str::to_owned));
        let host = host.as_deref().map_or_else(String::new, alone);
        return Some(format!("it is a URL{host}"));
    }
    if text.contains([',', ';', '\t']) {
        return Some(list(text));
    }
    if let Some((name, host)) = text.rsplit_once('@')
        && !name.is_empty()
    {
        return Some(format!(
            "it names one account{}; one account is deactivated with: ostrakon user deactivate NICKNAME",
            alone(host)
        ));
    }
    if text.contains(WILDCARDS) {
        return Some("wildcards are not accepted, name one host".to_owned());
    }
    if let Some((first, _)) = text.split_once(char::is_whitespace) {
        return Some(if first.parse::<IpAddr>().is_ok() {
            "it is a line of a file of addresses (/etc/hosts); give the host alone".to_owned()
        } else {
            "it is more than one word; give one host".to_owned()
        });
    }
    if text.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
        return Some("it is an address; instances are known by name".to_owned());
    }
    text.contains(['/', ':'])
        .then(|| "give the bare host, without scheme, port, path or nickname".to_owned())
}

/// Describes the first character that no host name may contain.
pub(super) fn wrong_character(name: &str) -> Option<String> {
    let known = |c: &char| c.is_ascii_alphanumeric() || ['-', '.'].contains(c);
    let wrong = name.chars().find(|c| !known(c))?;
    Some(if WILDCARDS.contains(&wrong) {
        "wildcards are not accepted, name one host".to_owned()
    } else {
        format!("it has {wrong:?}; a host has letters, digits, hyphens and dots")
    })
}

/// Whether a line is a row of a table of blocked domains, as other programs export it.
fn is_row_of_blocks(line: &str) -> bool {
    let fields: Vec<String> = line.split([',', ';', '\t']).map(plain).collect();
    let known = |field: &String| {
        SEVERITIES.contains(&field.as_str()) || ["true", "false"].contains(&field.as_str())
    };
    fields.iter().skip(1).any(known)
}

/// Whether a line is the header of such a table.
fn is_header_of_blocks(line: &str) -> bool {
    let mut fields = line.split([',', ';', '\t']).map(plain);
    let first = fields.next().unwrap_or_default();
    ["domain", "host", "instance"].contains(&first.as_str()) && fields.next().is_some()
}

/// Field of a row without quotes and marks, in lower case.
fn plain(field: &str) -> String {
    field.trim().trim_matches(['"', '\'', '#']).to_lowercase()
}

fn list(text: &str) -> String {
    let first = text.split([',', ';', '\t']).next().unwrap_or_default();
    if is_header_of_blocks(text) || is_row_of_blocks(text) {
        return format!("it is a line of a table of blocked domains (CSV){}", alone(first));
    }
    "it is a list; give one host, or a file with one host a line: --hosts-file FILE".to_owned()
}

/// Suggests the host that a text contains, if any.
fn alone(host: &str) -> String {
    let host = host.trim().trim_matches(['"', '\'']);
    let plain = !host.contains(|c: char| ",;@/: ".contains(c) || c.is_whitespace());
    match plain.then(|| Host::parse(host)) {
        Some(Ok(host)) => format!("; its host alone is {host}"),
        _ => "; give the host alone".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_looks_like_is_named() {
        for (typed, named) in [
            ("https://Spam.example/x", "a URL; its host alone is spam.example"),
            ("mallory@spam.example", "names one account; its host alone is spam.example"),
            ("@mallory@spam.example", "names one account; its host alone is spam.example"),
            ("acct:mallory@spam.example", "names one account"),
            ("a.example,b.example", "it is a list"),
            ("a.example; b.example", "it is a list"),
            ("bad.domain,suspend,true,false,,true", "(CSV); its host alone is bad.domain"),
            ("\"bad.domain\",\"silence\",\"\"", "(CSV); its host alone is bad.domain"),
            ("domain,severity,public_comment", "(CSV); give the host alone"),
            ("0.0.0.0 spam.example", "/etc/hosts"),
            ("spam.example other.example", "more than one word"),
            ("2001:db8::1", "it is an address"),
            ("spam.example:443", "without scheme, port"),
        ] {
            let text = typed.trim_start_matches('@');
            let reported = looks_like(text).unwrap_or_default();
            assert!(reported.contains(named), "{typed}: {reported}");
        }
        for host in ["spam.example", "bücher.example", "xn--bcher-kva.example", "localhost"] {
            assert_eq!(looks_like(host), None);
        }
    }

    #[test]
    fn tables_of_blocked_domains_are_distinguished_from_lists() {
        for header in [
            "#domain,#severity,#reject_media,#reject_reports,#public_comment,#obfuscate",
            "domain,severity,public_comment,private_comment,reject_media,reject_reports,obfuscate",
            "\"Domain\";\"Severity\"",
            "domain,severity",
        ] {
            assert!(is_header_of_blocks(header), "{header}");
        }
        for line in ["domain", "domain.example", "# domain, as typed", "a.example,b.example"] {
            assert!(!is_header_of_blocks(line), "{line}");
            assert!(!is_row_of_blocks(line), "{line}");
        }
    }
}
