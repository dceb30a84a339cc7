//! `[log]`: what is logged, and how it looks.

use serde::Deserialize;

use super::key::{Accepts, Key};

pub(super) const KEYS: &[Key] = &[
    Key::new("log.level", Accepts::Filter),
    Key::new("log.format", Accepts::OneOf(&["auto", "text", "json"])),
];

/// What is logged, and how it looks.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogSettings {
    /// A level, or a filter by target such as `info,sqlx=warn`.
    pub(crate) level: String,
    /// How a line looks.
    pub(crate) format: LogFormat,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}
