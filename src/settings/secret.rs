//! URLs that may contain a password: usable, but shown only without it.

use std::fmt;

use serde::Deserialize;

use super::conninfo;

/// Replacement for a password.
const MASK: &str = "***";

/// Connection URL that may contain a password. `Debug` and `Display` mask it; only
/// [`SecretUrl::expose`] does not.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct SecretUrl(String);

impl SecretUrl {
    /// URL with its password, only for the client that connects.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&mask(&self.0))
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", mask(&self.0))
    }
}

/// Replaces the password by `***`: in a URL, before the host or as `password=` or `pass=` after it;
/// or in a list of `key=value`. Returns other text unchanged.
pub(super) fn mask(text: &str) -> String {
    if let Some(masked) = conninfo::mask(text) {
        return masked;
    }
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let (address, query) = match rest.split_once('?') {
        Some((address, query)) => (address, Some(query)),
        None => (rest, None),
    };
    let mut masked = format!("{scheme}://{}", mask_address(address));
    if let Some(query) = query {
        masked.push('?');
        masked.push_str(&mask_query(query));
    }
    masked
}

fn mask_address(address: &str) -> String {
    // The last '@', even after a '/': a password with an unescaped '/' must not show either.
    let Some((credentials, host)) = address.rsplit_once('@') else { return address.to_owned() };
    match credentials.split_once(':') {
        Some((user, password)) if !password.is_empty() => format!("{user}:{MASK}@{host}"),
        _ => address.to_owned(),
    }
}

fn mask_query(query: &str) -> String {
    let parameters = query.split('&').map(|parameter| match parameter.split_once('=') {
        Some((name @ ("password" | "pass"), value)) if !value.is_empty() => {
            format!("{name}={MASK}")
        }
        _ => parameter.to_owned(),
    });
    parameters.collect::<Vec<_>>().join("&")
}

/// Whether the text is a URL with a password.
pub(super) fn holds_password(text: &str) -> bool {
    mask(text) != text
}

/// Quotes a *rejected* value. It is unknown which part is the password, so everything that may
/// contain one is omitted.
pub(super) fn quote_rejected(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    if text.contains('@') || lower.contains("pass") || lower.contains("://:") {
        "(not shown: it may hold a password)".to_owned()
    } else {
        format!("{text:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_the_password_and_nothing_else() {
        for (url, shown) in [
            (
                "postgres://u:pw@h:5432/db?sslmode=require",
                "postgres://u:***@h:5432/db?sslmode=require",
            ),
            ("postgres://u:p:w@h/db", "postgres://u:***@h/db"),
            ("postgres://u:p@w@h/db", "postgres://u:***@h/db"),
            ("postgres://u:p/w@h/db", "postgres://u:***@h/db"),
            (
                "postgres:///db?host=/run&password=pw&user=u",
                "postgres:///db?host=/run&password=***&user=u",
            ),
            ("postgres:///db?%70assword=pw", "postgres:///db?%70assword=***"),
            ("postgres://u:p%40w@h1,[::1]:2/db", "postgres://u:***@h1,[::1]:2/db"),
            ("postgres://u:p?w#x@h/db", "postgres://u:***@h/db"),
            ("host=h password=pw user=u", "host=h password=*** user=u"),
            (r"host=h password='p\'w x' user=u", "host=h password=*** user=u"),
            ("host=h user=u", "host=h user=u"),
            ("redis://:pw@h/0", "redis://:***@h/0"),
            ("unix:///run/redis.sock?pass=pw", "unix:///run/redis.sock?pass=***"),
            ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
            ("postgres://u@h/db", "postgres://u@h/db"),
            ("postgres://u:@h/db", "postgres://u:@h/db"),
            (
                "postgres://h:5432/db?application_name=a@b",
                "postgres://h:5432/db?application_name=a@b",
            ),
        ] {
            assert_eq!(mask(url), shown);
            assert_eq!(holds_password(url), url != shown, "{url}");
        }
    }

    #[test]
    fn debug_and_display_never_show_the_password() {
        let url = SecretUrl("redis://:hunter2@h/0".to_owned());
        assert_eq!(format!("{url} {url:?}"), r#"redis://:***@h/0 "redis://:***@h/0""#);
        assert_eq!(url.expose(), "redis://:hunter2@h/0");
    }
}
