//! Throttling: what holds a run back between two batches because the server suffers, or is to be left
//! alone.
//!
//! While a run is worked on, [`watch`] looks at the database several times a second, beside the work
//! and on a connection of its own. The loop begins no batch while a check is on, and is quiet while
//! others are at work.

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

/// What may hold a run back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThrottleCheck {
    /// It is not the time of day for it.
    Window,
    /// A file says stop.
    FlagFile,
    /// A replica has much to replay.
    ReplicaLag,
    /// Others wait for locks that batches hold.
    LockWaiters,
    /// The server's own jobs wait for long.
    ObanDelay,
    /// WAL is not archived as fast as it is written.
    WalArchive,
    /// A table of the run is being vacuumed.
    Vacuum,
    /// Many others are busy in the database.
    ActiveBackends,
    /// The disk is nearly full.
    DiskFree,
}

impl ThrottleCheck {
    /// Its name in ledger, log and JSON: never changes once released.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Window => "window",
            Self::FlagFile => "flag_file",
            Self::ReplicaLag => "replica_lag",
            Self::LockWaiters => "lock_waiters",
            Self::ObanDelay => "oban_delay",
            Self::WalArchive => "wal_archive",
            Self::Vacuum => "vacuum",
            Self::ActiveBackends => "active_backends",
            Self::DiskFree => "disk_free",
        }
    }

    /// Whether it is let go at once: what a person or the clock says does not flap.
    const fn is_command(self) -> bool {
        matches!(self, Self::Window | Self::FlagFile)
    }
}

impl fmt::Display for ThrottleCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A check that is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Throttled {
    /// Which.
    pub check: ThrottleCheck,
    /// Why, with the figure and its bound, as a sentence without its end.
    pub reason: String,
}

/// What the latest sample showed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LoadSnapshot {
    /// The check that is on.
    pub(super) throttled: Option<Throttled>,
    /// What is known of others.
    pub(super) load: DatabaseLoad,
    /// Long runs that are being worked on, this one among them.
    pub(super) active_runs: i64,
}

impl LoadSnapshot {
    /// Nothing is known yet.
    pub(super) const UNKNOWN: Self =
        Self { throttled: None, load: DatabaseLoad::UNKNOWN, active_runs: 1 };
}
