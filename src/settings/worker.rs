//! `[worker]`: how many jobs at once, how often to look, how long to wait.

use std::time::Duration;

use ostrakon_jobs::engine::Window;
use serde::{Deserialize, Deserializer, de::Error as _};

use super::{
    duration,
    key::{Accepts, Key},
};

pub(super) const KEYS: &[Key] = &[
    Key::new("worker.concurrency", Accepts::Count(1, 64)),
    Key::new("worker.short_concurrency", Accepts::Count(1, 64)),
    Key::new("worker.poll_interval", Accepts::Span(10, 60_000)),
    Key::new("worker.shutdown_timeout", Accepts::Span(0, 3_600_000)),
    Key::new("worker.lease", Accepts::Span(500, 600_000)),
    Key::new("worker.lease_renewal", Accepts::Span(50, 300_000)),
    Key::new("worker.reconcile_interval", Accepts::Span(100, 3_600_000)),
    Key::new("worker.progress_interval", Accepts::Span(100, 3_600_000)),
    Key::new("worker.max_attempts", Accepts::Count(1, 1000)),
    Key::new("worker.max_crashes", Accepts::Count(1, 100)),
    Key::new("worker.percent_busy", Accepts::Count(1, 100)),
    Key::new("worker.nice", Accepts::Number(0, 100)),
    Key::new("worker.window", Accepts::Window),
];

/// Connections that a worker needs beside one per job: lease renewal, reconciler, progress.
pub(super) const SPARE_CONNECTIONS: u32 = 3;

/// How a worker runs its jobs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WorkerSettings {
    /// Long jobs at once.
    pub(crate) concurrency: u32,
    /// Slots kept free for short jobs.
    pub(crate) short_concurrency: u32,
    /// How often a free slot looks into Redis.
    #[serde(deserialize_with = "duration::deserialize")]
    pub(crate) poll_interval: Duration,
    /// How long a stopping worker lets the running batches finish; may be zero.
    #[serde(deserialize_with = "duration::deserialize")]
    pub(crate) shutdown_timeout: Duration,
    /// How long a run stays reserved for a silent worker.
    #[serde(deserialize_with = "duration::deserialize")]
    pub(crate) lease: Duration,
    /// How often leases are renewed; at most half of `lease`.
    #[serde(deserialize_with = "duration::deserialize")]
    pub(crate) lease_renewal: Duration,
    /// How often workers are notified again of due runs.
    #[serde(deserialize_with = "duration::deserialize")]
    pub(crate) reconcile_interval: Duration,
    /// How often a running job logs its progress.
    #[serde(deserialize_with = "duration::deserialize")]
    pub(crate) progress_interval: Duration,
    /// Failed attempts after which a run has failed.
    pub(crate) max_attempts: u32,
    /// Worker deaths after which a run has failed.
    pub(crate) max_crashes: u32,
    /// Hundredths of the time that a long run works while others are busy in the database.
    pub(crate) percent_busy: u32,
    /// How long a long run rests between batches, as a multiple of the time that they take.
    pub(crate) nice: f64,
    /// The time of day, of this machine, for the batches of long runs.
    #[serde(default, deserialize_with = "window")]
    pub(crate) window: Option<Window>,
}

impl WorkerSettings {
    /// Counts the connections that a worker needs.
    pub(super) fn connections(&self) -> u32 {
        self.concurrency + self.short_concurrency + SPARE_CONNECTIONS
    }
}

fn window<'de, D: Deserializer<'de>>(source: D) -> Result<Option<Window>, D::Error> {
    String::deserialize(source)?.parse().map(Some).map_err(D::Error::custom)
}
