//! Settings of the throttle.

use std::{path::PathBuf, time::Duration};

use super::Window;

/// Bounds beyond which a run is throttled. A bound of zero, or `None`, disables its check.
#[derive(Debug, Clone, Default)]
pub struct ThrottleSettings {
    /// Interval between two samples.
    pub interval: Duration,
    /// Time that a figure must be well within its bound before the run continues.
    pub hold: Duration,
    /// Maximum WAL that a replica has yet to replay, in bytes.
    pub replica_lag: i64,
    /// Maximum number of other backends that wait simultaneously for locks of ostrakon.
    pub lock_waiters: i64,
    /// Maximum time that a due job of the server waits while its queue is worked on.
    pub oban_delay: Duration,
    /// Maximum number of full WAL segments that wait for the archive.
    pub wal_segments: i64,
    /// Whether to pause while a table of the run is vacuumed.
    pub vacuum: bool,
    /// Maximum number of other backends that are active simultaneously.
    pub active_backends: i64,
    /// Minimum free space on the database's disk, in bytes.
    pub disk_free: u64,
    /// Path on that disk; `None` means the data directory, if PostgreSQL is on this machine and
    /// shows it.
    pub disk_path: Option<PathBuf>,
    /// Flag file: no batch begins while it exists.
    pub flag_file: Option<PathBuf>,
    /// Hours in which batches may run, in this machine's local time.
    pub window: Option<Window>,
}
