//! Durations as people write them: `200ms`, `15s`, `1h 30m`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error};

/// Deserialises a duration.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(source: D) -> Result<Duration, D::Error> {
    humantime::parse_duration(&String::deserialize(source)?).map_err(D::Error::custom)
}

/// Deserialises an optional duration.
pub(super) fn optional<'de, D: Deserializer<'de>>(source: D) -> Result<Option<Duration>, D::Error> {
    deserialize(source).map(Some)
}
