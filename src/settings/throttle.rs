//! `[throttle]`: when long runs are throttled.

use std::{path::PathBuf, time::Duration};

use serde::Deserialize;

use super::{
    duration,
    key::{Accepts, Key},
};

pub(super) const KEYS: &[Key] = &[
    Key::new("throttle.interval", Accepts::Span(50, 60_000)),
    Key::new("throttle.hold", Accepts::Span(0, 3_600_000)),
    Key::new("throttle.replica_lag_mib", Accepts::Count(0, 1_000_000)),
    Key::new("throttle.lock_waiters", Accepts::Count(0, 10_000)),
    Key::new("throttle.oban_delay", Accepts::Span(0, 86_400_000)),
    Key::new("throttle.wal_segments", Accepts::Count(0, 1_000_000)),
    Key::new("throttle.vacuum", Accepts::Flag),
    Key::new("throttle.active_backends", Accepts::Count(0, 10_000)),
    Key::new("throttle.disk_free_mib", Accepts::Count(0, 1_000_000_000)),
    Key::new("throttle.disk_path", Accepts::Path),
    Key::new("throttle.flag_file", Accepts::Path),
];

/// When long runs are throttled. Zero, like nothing, means that nobody looks.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ThrottleSettings {
    /// Between two looks.
    #[serde(deserialize_with = "duration::deserialize")]
    pub(crate) interval: Duration,
    /// How long things must be well until a run goes on.
    #[serde(deserialize_with = "duration::deserialize")]
    pub(crate) hold: Duration,
    /// MiB of WAL that a replica may have yet to replay.
    pub(crate) replica_lag_mib: u32,
    /// Others that may wait for locks of ostrakon at once.
    pub(crate) lock_waiters: u32,
    /// How long a due job of the server may wait.
    #[serde(deserialize_with = "duration::deserialize")]
    pub(crate) oban_delay: Duration,
    /// Full WAL segments that may wait for the archive.
    pub(crate) wal_segments: u32,
    /// Whether to wait while a table of the run is vacuumed.
    pub(crate) vacuum: bool,
    /// Others that may be busy in the database at once.
    pub(crate) active_backends: u32,
    /// MiB that must be free on the database's disk.
    pub(crate) disk_free_mib: u32,
    /// A path on that disk.
    pub(crate) disk_path: Option<PathBuf>,
    /// Long runs stop while this file exists.
    pub(crate) flag_file: Option<PathBuf>,
}
