//! `[queue]`: how workers are notified.

use serde::Deserialize;

use super::key::{Accepts, Key};

pub(super) const KEYS: &[Key] =
    &[Key::new("queue.backend", Accepts::OneOf(&["auto", "redis", "postgres"]))];

/// How workers are notified.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct QueueSettings {
    /// What carries the notifications.
    pub(crate) backend: Backend,
}

/// What carries the notifications.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Backend {
    /// Redis if `redis.url` is set; PostgreSQL otherwise.
    Auto,
    /// Redis.
    Redis,
    /// PostgreSQL's LISTEN and NOTIFY.
    Postgres,
}
