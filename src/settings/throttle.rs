//! `[throttle]`: checks that throttle long runs.

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

/// Checks that throttle long runs. A check with the value zero, or without a value, is disabled.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ThrottleSettings {
    /// Interval between two rounds of the checks.
    #[serde(deserialize_with = "duration::deserialize")]
    pub(crate) interval: Duration,
    /// Time for which all checks must be well before a throttled run continues.
    #[serde(deserialize_with = "duration::deserialize")]
    pub(crate) hold: Duration,
    /// Maximum WAL that a replica has yet to replay, in MiB.
    pub(crate) replica_lag_mib: u32,
    /// Maximum number of other sessions that wait for ostrakon's locks simultaneously.
    pub(crate) lock_waiters: u32,
    /// Maximum time a due job of the server waits.
    #[serde(deserialize_with = "duration::deserialize")]
    pub(crate) oban_delay: Duration,
    /// Maximum number of full WAL segments that wait for archiving.
    pub(crate) wal_segments: u32,
    /// Whether to throttle a run while one of its tables is vacuumed.
    pub(crate) vacuum: bool,
    /// Maximum number of other sessions that are busy in the database simultaneously.
    pub(crate) active_backends: u32,
    /// Minimum free space on the database's disk, in MiB.
    pub(crate) disk_free_mib: u32,
    /// Path on that disk.
    pub(crate) disk_path: Option<PathBuf>,
    /// Flag file: long runs are throttled while it exists.
    pub(crate) flag_file: Option<PathBuf>,
}
