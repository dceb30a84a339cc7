//! When a run is throttled.

use std::{path::PathBuf, time::Duration};

use super::Window;

/// Bounds beyond which a run is throttled. A bound of zero, like `None`, means that nobody looks.
#[derive(Debug, Clone, Default)]
pub struct ThrottleSettings {
    /// Between two looks.
    pub interval: Duration,
    /// How long a figure must be well within its bound until the run goes on.
    pub hold: Duration,
    /// Bytes of WAL that a replica may have yet to replay.
    pub replica_lag: i64,
    /// Backends of others that may wait for locks of ours at once.
    pub lock_waiters: i64,
    /// How long a due job of the server may wait while its queue is worked on.
    pub oban_delay: Duration,
    /// Full WAL segments that may wait for the archive.
    pub wal_segments: i64,
    /// Whether to wait while a table of the run is vacuumed.
    pub vacuum: bool,
    /// Backends of others that may be busy at once.
    pub active_backends: i64,
    /// Bytes that must be free on the database's disk.
    pub disk_free: u64,
    /// A path on that disk; `None`: the data directory, where PostgreSQL is on this machine and says.
    pub disk_path: Option<PathBuf>,
    /// Batches stop while this file exists.
    pub flag_file: Option<PathBuf>,
    /// The time of day, of this machine, for batches.
    pub window: Option<Window>,
}
