//! `[redis]`: the Redis that carries notifications.

use std::path::PathBuf;

use serde::Deserialize;
use url::Url;

use super::{
    conninfo::{ENCODE, Fault},
    hint,
    key::{Accepts, Key},
    secret::SecretUrl,
};

const SCHEMES: &[&str] =
    &["redis", "rediss", "valkey", "valkeys", "unix", "redis+unix", "valkey+unix"];

pub(super) const KEYS: &[Key] = &[
    Key::new("redis.url", Accepts::Redis).alias("REDIS_URL"),
    Key::new("redis.prefix", Accepts::Name),
    Key::new("redis.ca_file", Accepts::Path),
    Key::new("redis.cert_file", Accepts::Path),
    Key::new("redis.key_file", Accepts::Path),
];

/// Redis that carries notifications to the workers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RedisSettings {
    /// URL of Redis, if there is one.
    pub(crate) url: Option<SecretUrl>,
    /// Prefix of every key that ostrakon writes.
    pub(crate) prefix: String,
    /// CA certificates to trust instead of the default ones.
    #[serde(default)]
    pub(crate) ca_file: Option<PathBuf>,
    /// Client certificate.
    #[serde(default)]
    pub(crate) cert_file: Option<PathBuf>,
    /// Private key of the client certificate.
    #[serde(default)]
    pub(crate) key_file: Option<PathBuf>,
}

impl RedisSettings {
    /// Connection settings of the queue; `None` without a URL.
    pub(super) fn queue(&self) -> Option<ostrakon_queue::RedisSettings> {
        Some(ostrakon_queue::RedisSettings {
            url: self.url.as_ref()?.expose().to_owned(),
            prefix: self.prefix.clone(),
            ca_file: self.ca_file.clone(),
            cert_file: self.cert_file.clone(),
            key_file: self.key_file.clone(),
        })
    }
}

/// Reason why a text is not a Redis URL. Quotes none of it: it may contain a password.
pub(super) fn fault(text: &str) -> Option<String> {
    let example = "it looks like redis://:PASSWORD@HOST:6379/0, rediss://HOST:6379/0 (TLS) or unix:///run/redis.sock";
    // Without "//", the URL crate parses the rest as an opaque path.
    let url =
        Url::parse(text).ok().filter(|url| text.contains("://") && SCHEMES.contains(&url.scheme()));
    let Some(url) = url else {
        return Some(format!(
            "it is no URL that begins with one of {}://; {example}; {ENCODE}",
            SCHEMES.join("://, ")
        ));
    };
    let socket = url.scheme().contains("unix");
    let database = url.path().trim_start_matches('/');
    let host = url.host_str().unwrap_or_default();
    let behind = [url.path(), url.query().unwrap_or_default(), host];
    if behind.iter().any(|part| part.contains('@')) || url.fragment().is_some() {
        return Some(Fault::Unencoded.to_string());
    }
    if let Some(fault) = unknown_parameter(&url, socket) {
        return Some(fault.to_string());
    }
    if !socket && !host.chars().all(|c| c.is_alphanumeric() || "-_.:[]".contains(c)) {
        return Some(Fault::Host.to_string());
    }
    if !socket && !database.is_empty() && database.parse::<u16>().is_err() {
        return Some(format!(
            "behind the host stands the number of a database, such as /0; {ENCODE}"
        ));
    }
    let usable = (socket || url.has_host()) && ostrakon_queue::is_redis_url(text);
    (!usable).then(|| format!("it is no URL of a Redis; {example}; {ENCODE}"))
}

fn unknown_parameter(url: &Url, socket: bool) -> Option<Fault> {
    let known: &[&'static str] =
        if socket { &["db", "user", "pass", "protocol"] } else { &["protocol"] };
    let mut secret = false;
    for (name, _) in url.query_pairs() {
        if !known.contains(&&*name) {
            let meant = hint::nearest_word(known, &name);
            let reported = meant.is_some() && !secret;
            return Some(Fault::Unknown { name: reported.then(|| name.into_owned()), meant });
        }
        secret |= name == "pass";
    }
    None
}
