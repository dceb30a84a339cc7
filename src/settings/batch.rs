//! `[batch]`: how much one transaction does.

use std::time::Duration;

use serde::Deserialize;

use super::{
    duration,
    key::{Accepts, Key},
};

pub(super) const KEYS: &[Key] = &[
    Key::new("batch.rows_initial", Accepts::Count(1, 10_000)),
    Key::new("batch.rows_max", Accepts::Count(1, 10_000)),
    Key::new("batch.rows_busy", Accepts::Count(1, 10_000)),
    Key::new("batch.target", Accepts::Span(10, 5_000)),
    Key::new("batch.lock_timeout", Accepts::Span(10, 60_000)),
    Key::new("batch.statement_timeout", Accepts::Span(100, 600_000)),
    Key::new("batch.late_writes", Accepts::Span(0, 600_000)),
];

/// Size of one transaction, and its time limits.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchSettings {
    /// Rows in a run's first batch; at most `rows_max`.
    pub(crate) rows_initial: u32,
    /// Maximum number of rows in one batch.
    pub(crate) rows_max: u32,
    /// Maximum number of rows in one batch while other sessions are busy.
    pub(crate) rows_busy: u32,
    /// Target duration of one batch, commit included.
    #[serde(deserialize_with = "duration::deserialize")]
    pub(crate) target: Duration,
    /// `PostgreSQL`'s `lock_timeout`; never zero, which would mean none.
    #[serde(deserialize_with = "duration::deserialize")]
    pub(crate) lock_timeout: Duration,
    /// `PostgreSQL`'s `statement_timeout`; never zero, which would mean none.
    #[serde(deserialize_with = "duration::deserialize")]
    pub(crate) statement_timeout: Duration,
    /// Maximum time a run waits, at its end, for other sessions that may still write what they read
    /// before.
    #[serde(deserialize_with = "duration::deserialize")]
    pub(crate) late_writes: Duration,
}
