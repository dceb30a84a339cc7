//! `[log]`: what is logged, and in which format.

use serde::Deserialize;

use super::key::{Accepts, Key};

pub(super) const KEYS: &[Key] = &[
    Key::new("log.level", Accepts::Filter),
    Key::new("log.format", Accepts::OneOf(&["auto", "text", "json"])),
];

/// What is logged, and in which format.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogSettings {
    /// Level, or filter by target such as `info,sqlx=warn`.
    pub(crate) level: String,
    /// Format of a line.
    pub(crate) format: LogFormat,
}

/// Format of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// Text for people.
    Text,
    /// One JSON object per line.
    Json,
}
