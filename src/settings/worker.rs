//! `[worker]`: number of jobs, intervals and time limits.

use std::time::Duration;

use serde::Deserialize;

use super::key::{Accepts, Key};

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
    #[serde(with = "humantime_serde")]
    pub(crate) poll_interval: Duration,
    /// Time that a stopping worker gives its running batches to finish; may be zero.
    #[serde(with = "humantime_serde")]
    pub(crate) shutdown_timeout: Duration,
    /// Duration of a lease: time for which a run stays reserved for a silent worker.
    #[serde(with = "humantime_serde")]
    pub(crate) lease: Duration,
    /// Interval of lease renewals; at most half of `lease`.
    #[serde(with = "humantime_serde")]
    pub(crate) lease_renewal: Duration,
    /// Interval at which workers are notified again of due runs.
    #[serde(with = "humantime_serde")]
    pub(crate) reconcile_interval: Duration,
    /// Interval at which a running job logs its progress.
    #[serde(with = "humantime_serde")]
    pub(crate) progress_interval: Duration,
    /// Failed attempts after which a run has failed.
    pub(crate) max_attempts: u32,
    /// Worker deaths after which a run has failed.
    pub(crate) max_crashes: u32,
}

impl WorkerSettings {
    /// Number of jobs that a worker runs simultaneously, with one connection for each.
    pub(crate) const fn jobs(&self) -> u32 {
        self.concurrency + self.short_concurrency
    }
}
