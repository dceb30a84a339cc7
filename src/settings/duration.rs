//! Durations as people write them: `200ms`, `15s`, `1h 30m`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error};

/// Reads a duration.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(source: D) -> Result<Duration, D::Error> {
    humantime::parse_duration(&String::deserialize(source)?).map_err(D::Error::custom)
}

/// Reads a duration that need not be given.
pub(super) fn optional<'de, D: Deserializer<'de>>(source: D) -> Result<Option<Duration>, D::Error> {
    deserialize(source).map(Some)
}
