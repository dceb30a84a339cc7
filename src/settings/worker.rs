//! `[worker]`: number of jobs, intervals and time limits.

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

/// Connections that a worker holds besides those of its jobs, for leases, reconciler and progress.
/// Separate, so that heavy work cannot starve them.
pub(crate) const SIDE_CONNECTIONS: u32 = 3;

/// How a worker runs its jobs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WorkerSettings {
    /// Number of long jobs that run simultaneously.
    pub(crate) concurrency: u32,
    /// Number of slots reserved for short jobs.
    pub(crate) short_concurrency: u32,
    /// Interval at which a free slot polls Redis.
    #[serde(deserialize_with = "duration::deserialize")]
    pub(crate) poll_interval: Duration,
    /// Time that a stopping worker gives its running batches to finish; may be zero.
    #[serde(deserialize_with = "duration::deserialize")]
    pub(crate) shutdown_timeout: Duration,
    /// Duration of a lease: time for which a run stays reserved for a silent worker.
    #[serde(deserialize_with = "duration::deserialize")]
    pub(crate) lease: Duration,
    /// Interval of lease renewals; at most half of `lease`.
    #[serde(deserialize_with = "duration::deserialize")]
    pub(crate) lease_renewal: Duration,
    /// Interval at which workers are notified again of due runs.
    #[serde(deserialize_with = "duration::deserialize")]
    pub(crate) reconcile_interval: Duration,
    /// Interval at which a running job logs its progress.
    #[serde(deserialize_with = "duration::deserialize")]
    pub(crate) progress_interval: Duration,
    /// Failed attempts after which a run has failed.
    pub(crate) max_attempts: u32,
    /// Worker deaths after which a run has failed.
    pub(crate) max_crashes: u32,
    /// Share of time that a long run works while other sessions are busy, in percent.
    pub(crate) percent_busy: u32,
    /// Rest of a long run between batches, as a multiple of the time that they take.
    pub(crate) nice: f64,
    /// Hours of the day, by this machine's clock, in which long runs may work.
    #[serde(default, deserialize_with = "window")]
    pub(crate) window: Option<Window>,
}

impl WorkerSettings {
    /// Number of jobs that a worker runs simultaneously, with one connection for each.
    pub(crate) const fn jobs(&self) -> u32 {
        self.concurrency + self.short_concurrency
    }
}

fn window<'de, D: Deserializer<'de>>(source: D) -> Result<Option<Window>, D::Error> {
    String::deserialize(source)?.parse().map(Some).map_err(D::Error::custom)
}
