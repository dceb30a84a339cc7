//! Settings of the throttle.

use std::{path::PathBuf, time::Duration};

use serde::Deserialize;

use super::Window;

/// Section `[throttle]` of the settings: bounds beyond which a long run is throttled. A bound of
/// zero, or `None`, disables its check.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThrottleSettings {
    /// Interval between two samples.
    #[serde(with = "humantime_serde")]
    pub interval: Duration,
    /// Time that every figure must be well within its bound before a throttled run continues.
    #[serde(with = "humantime_serde")]
    pub release_after: Duration,
    /// Maximum WAL that a replica has yet to replay, in MiB.
    pub replica_lag_mib: i64,
    /// Maximum number of other backends that wait simultaneously for locks of ostrakon.
    pub lock_waiters: i64,
    /// Maximum time that a due job of the server waits while its queue is worked on.
    #[serde(with = "humantime_serde")]
    pub queue_delay: Duration,
    /// Maximum number of full WAL segments that wait for the archive.
    pub wal_segments: i64,
    /// Whether to pause while a table of the run is vacuumed.
    pub vacuum: bool,
    /// Maximum number of other backends that are active simultaneously.
    pub active_backends: i64,
    /// Minimum free space on the database's disk, in MiB.
    pub disk_free_mib: i64,
    /// Path on that disk; `None` means the data directory, if PostgreSQL is on this machine and
    /// shows it.
    pub disk_path: Option<PathBuf>,
    /// Flag file: no batch begins while it exists.
    pub flag_file: Option<PathBuf>,
    /// Hours in which batches may run, in this machine's local time.
    pub window: Option<Window>,
}
