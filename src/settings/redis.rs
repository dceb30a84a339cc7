//! `[redis]`: what wakes the workers.

use serde::Deserialize;

use super::{
    key::{Accepts, Key},
    secret::SecretUrl,
};

const SCHEMES: &[&str] =
    &["redis", "rediss", "valkey", "valkeys", "unix", "redis+unix", "valkey+unix"];

pub(super) const KEYS: &[Key] = &[
    Key::new("redis.url", Accepts::Url(SCHEMES)).alias("REDIS_URL"),
    Key::new("redis.prefix", Accepts::Name),
];

/// The Redis that wakes the workers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RedisSettings {
    /// Where it is.
    pub(crate) url: SecretUrl,
    /// First part of the name of every key that kenoma writes there.
    pub(crate) prefix: String,
}

impl RedisSettings {
    /// What the queue needs to know.
    pub(crate) fn queue(&self) -> crate::queue::RedisSettings {
        crate::queue::RedisSettings {
            url: self.url.expose().to_owned(),
            prefix: self.prefix.clone(),
        }
    }
}
