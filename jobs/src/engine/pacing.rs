//! How many rows the next batch takes.

use std::time::Duration;

/// Bounds of a batch.
#[derive(Debug, Clone, Copy)]
pub struct BatchSettings {
    /// Rows of the first batch.
    pub rows_initial: i64,
    /// Never more rows than this.
    pub rows_max: i64,
    /// How long a batch's transaction should take.
    pub target: Duration,
    /// PostgreSQL's `lock_timeout` within a batch.
    pub lock_timeout: Duration,
    /// PostgreSQL's `statement_timeout` within a batch.
    pub statement_timeout: Duration,
}

/// Keeps batches near the target time, and narrows them down to a single bad row.
#[derive(Debug)]
pub(super) struct Pacing {
    limit: i64,
    rows_max: i64,
    target: Duration,
    isolating: bool,
}

impl Pacing {
    pub(super) fn new(settings: &BatchSettings) -> Self {
        Self {
            limit: settings.rows_initial.clamp(1, settings.rows_max),
            rows_max: settings.rows_max,
            target: settings.target,
            isolating: false,
        }
    }

    pub(super) const fn limit(&self) -> i64 {
        self.limit
    }

    /// A batch is committed after `elapsed`. Not wider while a bad row is being looked for.
    pub(super) fn committed(&mut self, elapsed: Duration) {
        let ratio = self.target.as_secs_f64() / elapsed.as_secs_f64().max(0.001);
        if self.isolating && ratio > 1.0 {
            return;
        }
        self.scale(ratio.clamp(0.5, 2.0));
    }

    /// A batch failed on its data: take half of it. Returns false when it was a single row.
    pub(super) fn split(&mut self) -> bool {
        if self.limit == 1 {
            return false;
        }
        self.isolating = true;
        self.limit /= 2;
        true
    }

    /// The bad row is out of the way.
    pub(super) fn isolated(&mut self) {
        self.isolating = false;
    }

    /// A batch met a lock or a time-out: be smaller for whoever is in the way.
    pub(super) fn disturbed(&mut self) {
        self.scale(0.5);
    }

    fn scale(&mut self, factor: f64) {
        // Both are far below 2^52, so nothing is lost on the way through f64.
        #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "≤ 2^52")]
        let scaled = (self.limit as f64 * factor).ceil() as i64;
        self.limit = scaled.clamp(1, self.rows_max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: BatchSettings = BatchSettings {
        rows_initial: 100,
        rows_max: 400,
        target: Duration::from_millis(100),
        lock_timeout: Duration::from_secs(2),
        statement_timeout: Duration::from_secs(10),
    };

    #[test]
    fn quick_batches_grow_to_the_bound_and_slow_ones_shrink() {
        let mut pacing = Pacing::new(&SETTINGS);
        for _ in 0..5 {
            pacing.committed(Duration::from_millis(10));
        }
        assert_eq!(pacing.limit(), 400);
        pacing.committed(Duration::from_millis(160));
        assert_eq!(pacing.limit(), 250);
        pacing.committed(Duration::from_mins(1));
        assert_eq!(pacing.limit(), 125);
    }

    #[test]
    fn splitting_ends_at_one_row_and_does_not_grow_before_the_row_is_found() {
        let mut pacing = Pacing::new(&SETTINGS);
        while pacing.split() {
            pacing.committed(Duration::from_millis(1));
        }
        assert_eq!(pacing.limit(), 1);
        pacing.isolated();
        pacing.committed(Duration::from_millis(1));
        assert_eq!(pacing.limit(), 2);
    }
}
