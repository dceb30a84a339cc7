//! The throttle: what holds a run back between two batches because the server suffers, or should be
//! left alone.
//!
//! While a run is worked on, [`watch`] samples the database several times a second, alongside the
//! work and on its own connection. The loop begins no batch while a check throttles, and slows down
//! while other sessions are active.

mod hysteresis;
mod load;
mod sample;
mod settings;
mod watch;
mod window;

use std::fmt;

pub use settings::ThrottleSettings;
pub use window::{InvalidWindow, Window};

pub(super) use load::DatabaseLoad;
pub(super) use watch::watch;

/// A check that can throttle a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThrottleCheck {
    /// The time of day is outside the window.
    Window,
    /// The flag file exists.
    FlagFile,
    /// A replica has too much WAL to replay.
    ReplicaLag,
    /// Other sessions wait for locks that batches hold.
    LockWaiters,
    /// The server's own jobs wait too long.
    QueueDelay,
    /// WAL is not archived as fast as it is written.
    WalArchive,
    /// A table of the run is being vacuumed.
    Vacuum,
    /// Too many other sessions are active in the database.
    ActiveBackends,
    /// The disk is nearly full.
    DiskFree,
}

impl ThrottleCheck {
    /// Name in ledger, log and JSON; never changes once released.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Window => "window",
            Self::FlagFile => "flag_file",
            Self::ReplicaLag => "replica_lag",
            Self::LockWaiters => "lock_waiters",
            Self::QueueDelay => "queue_delay",
            Self::WalArchive => "wal_archive",
            Self::Vacuum => "vacuum",
            Self::ActiveBackends => "active_backends",
            Self::DiskFree => "disk_free",
        }
    }

    /// Whether the check releases immediately: what the operator or the clock decides does not
    /// flap.
    const fn is_command(self) -> bool {
        matches!(self, Self::Window | Self::FlagFile)
    }
}

impl fmt::Display for ThrottleCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A check that throttles now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Throttled {
    /// The check that throttles.
    pub check: ThrottleCheck,
    /// Reason, with the figure and its bound, as a sentence without its full stop.
    pub reason: String,
}

/// What the latest sample showed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LoadSnapshot {
    /// The check that throttles, if any.
    pub(super) throttled: Option<Throttled>,
    /// Activity of other sessions.
    pub(super) load: DatabaseLoad,
    /// Number of long runs that are being worked on and not throttled.
    pub(super) active_runs: i64,
}

impl LoadSnapshot {
    /// Snapshot before the first sample.
    pub(super) const UNKNOWN: Self =
        Self { throttled: None, load: DatabaseLoad::UNKNOWN, active_runs: 1 };
}
