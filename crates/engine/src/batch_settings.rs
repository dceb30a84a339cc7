//! Settings for batches: their size, their time-outs, and the rests between them.

use std::time::Duration;

use serde::Deserialize;

/// Section `[batch]` of the settings: size of one transaction, its time limits, and the rests
/// between two of them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchSettings {
    /// Rows in a run's first batch; at most `rows_max`.
    pub rows_initial: i64,
    /// Maximum rows in a batch.
    pub rows_max: i64,
    /// Maximum rows in a batch while other sessions are active.
    pub rows_busy: i64,
    /// Percentage of the time in which all long runs together work while other sessions are busy;
    /// 1 to 100.
    pub percent_busy: u32,
    /// Target duration of a batch's transaction, commit included.
    #[serde(with = "humantime_serde")]
    pub target: Duration,
    /// PostgreSQL's `lock_timeout` within a batch; never zero, which would mean none.
    #[serde(with = "humantime_serde")]
    pub lock_timeout: Duration,
    /// PostgreSQL's `statement_timeout` within a batch; never zero, which would mean none.
    #[serde(with = "humantime_serde")]
    pub statement_timeout: Duration,
    /// Maximum time that a run waits, at its end, for other sessions that may still write what they
    /// read earlier.
    #[serde(with = "humantime_serde")]
    pub late_writes: Duration,
}

impl BatchSettings {
    /// Time after which PostgreSQL counts as unreachable during a turn of the loop: far longer than
    /// the server's own time-outs let a turn last.
    pub(super) fn turn_timeout(&self) -> Duration {
        self.statement_timeout * 3 + self.lock_timeout + Duration::from_secs(5)
    }
}

#[cfg(test)]
impl BatchSettings {
    /// Batches of `rows` rows without rests, and time limits that no test reaches.
    pub(crate) const fn of_rows(rows: i64) -> Self {
        Self {
            rows_initial: rows,
            rows_max: rows,
            rows_busy: rows,
            percent_busy: 100,
            target: Duration::from_hours(1),
            lock_timeout: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(30),
            late_writes: Duration::ZERO,
        }
    }
}
