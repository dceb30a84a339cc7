//! Number of rows in a batch.

use std::{collections::VecDeque, time::Duration};

use crate::BatchSettings;

/// Adjusts the batch size to the target time, and narrows a failing batch down to a single row.
///
/// A batch has a fixed cost and a cost per row. Only the cost of the rows is held to the target: a
/// batch with a high fixed cost does not get faster by being smaller; there are only more of them.
#[derive(Debug)]
pub(crate) struct BatchSize {
    limit: i64,
    rows_max: i64,
    rows_busy: i64,
    /// Whether other sessions are active.
    busy: bool,
    target: f64,
    isolating: bool,
    /// Set by a lock conflict or a time-out, until batches are back at their minimum size.
    avoiding: bool,
    rows_initial: i64,
    /// Rows and seconds of the latest batches, newest last.
    latest: VecDeque<(f64, f64)>,
}

/// Minimum rows in a batch: fewer are not worth a transaction. Batches have fewer only where the
/// settings demand it, or while they avoid other sessions or isolate a bad row.
const ROWS_MIN: i64 = 20;

/// Batches from which costs are estimated; few, since the cost of a row changes along the way.
const COST_WINDOW: usize = 8;

/// Maximum duration of a batch as a multiple of the target, whatever its fixed cost.
const ALLOWANCE: f64 = 2.0;

impl BatchSize {
    pub(crate) fn new(settings: &BatchSettings) -> Self {
        let rows_initial = settings.rows_initial.clamp(1, settings.rows_max);
        Self {
            limit: rows_initial,
            rows_initial,
            rows_max: settings.rows_max,
            rows_busy: settings.rows_busy,
            busy: false,
            target: settings.target.as_secs_f64(),
            isolating: false,
            avoiding: false,
            latest: VecDeque::with_capacity(COST_WINDOW + 1),
        }
    }

    /// Maximum rows in the next batch. While other sessions are active they are few: rests alone do
    /// not help the few sessions that meet a batch and wait until it is over.
    pub(crate) fn limit(&self) -> i64 {
        if self.busy { self.limit.min(self.rows_busy) } else { self.limit }
    }

    /// Sets whether other sessions are active. Must not be called during a batch.
    pub(super) const fn set_busy(&mut self, busy: bool) {
        self.busy = busy;
    }

    /// Whether other sessions are active.
    pub(super) const fn is_busy(&self) -> bool {
        self.busy
    }

    /// Begins another step of the run with few rows: what a row cost so far says nothing about its
    /// cost there.
    pub(super) fn step_done(&mut self) {
        self.latest.clear();
        self.limit = self.rows_initial.min(ROWS_MIN);
        self.isolating = false;
    }

    /// Records a batch committed after `elapsed`; `rows` is set if it took fewer than its limit.
    /// The size does not grow while a bad row is being isolated. A batch without rows says nothing
    /// about their cost.
    pub(super) fn committed(&mut self, rows: Option<i64>, elapsed: Duration) {
        if rows == Some(0) {
            return;
        }
        let limit = self.limit();
        let rows = rows.map_or(limit, |rows| rows.clamp(1, limit));
        // Far below 2^52: f64 represents them exactly.
        #[expect(clippy::cast_precision_loss, reason = "≤ 2^52")]
        let (rows, limit) = (rows as f64, limit as f64);
        self.latest.push_back((rows, elapsed.as_secs_f64().max(0.001)));
        if self.latest.len() > COST_WINDOW {
            self.latest.pop_front();
        }
        let (own, per_row) = self.costs();
        let goal = (self.target + own).min(self.target * ALLOWANCE);
        // Even a batch with too high a fixed cost gets some rows: as many as take half of the
        // target.
        let wanted = (goal - own).max(self.target / 2.0) / per_row;
        let factor = (wanted / limit).clamp(0.5, 2.0);
        if self.isolating && factor > 1.0 {
            return;
        }
        self.scale(factor);
        let least = ROWS_MIN.min(self.rows_max);
        self.avoiding &= self.limit < least;
        if !self.isolating && !self.avoiding {
            self.limit = self.limit.max(least);
        }
    }

    /// Fixed cost of a batch and cost per row, in seconds: a linear fit to the latest batches, if
    /// their sizes differ enough.
    fn costs(&self) -> (f64, f64) {
        #[expect(clippy::cast_precision_loss, reason = "at most COST_WINDOW")]
        let count = self.latest.len() as f64;
        let sum = |of: fn(&(f64, f64)) -> f64| self.latest.iter().map(of).sum::<f64>();
        let (rows, seconds) = (sum(|b| b.0) / count, sum(|b| b.1) / count);
        let spread: f64 = self.latest.iter().map(|b| (b.0 - rows).powi(2)).sum::<f64>() / count;
        let together: f64 =
            self.latest.iter().map(|b| (b.0 - rows) * (b.1 - seconds)).sum::<f64>() / count;
        let per_row = seconds / rows;
        if spread < (rows * 0.1).powi(2) {
            return (0.0, per_row);
        }
        // Neither part is negative, whatever the noise.
        let slope = (together / spread).clamp(per_row * 0.05, per_row);
        ((seconds - slope * rows).max(0.0), slope)
    }

    /// Halves a batch that failed on its data. Returns false if it was a single row.
    pub(super) fn split(&mut self) -> bool {
        let failed = self.limit();
        if failed == 1 {
            return false;
        }
        self.isolating = true;
        self.limit = failed / 2;
        true
    }

    /// Ends the search for a bad row, which is parked now.
    pub(super) fn isolated(&mut self) {
        self.isolating = false;
    }

    /// Starts with a single row: the previous claim failed, perhaps on a single item.
    pub(super) const fn begin_small(&mut self) {
        self.limit = 1;
    }

    /// Halves a batch that met a lock or a time-out, in favour of what is in the way.
    pub(super) fn disturbed(&mut self) {
        self.avoiding = true;
        self.scale(0.5);
    }

    fn scale(&mut self, factor: f64) {
        // Both are far below 2^52: f64 represents them exactly.
        #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "≤ 2^52")]
        let scaled = (self.limit() as f64 * factor).ceil() as i64;
        self.limit = scaled.clamp(1, self.rows_max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: BatchSettings = BatchSettings {
        rows_max: 400,
        rows_busy: 25,
        target: Duration::from_millis(100),
        ..BatchSettings::of_rows(100)
    };

    /// Batch size once it has settled, for a fixed cost `own` and a cost `per_row`, in
    /// milliseconds.
    fn settled(own: f64, per_row: f64) -> i64 {
        let mut size = BatchSize::new(&SETTINGS);
        for _ in 0..30 {
            #[expect(clippy::cast_precision_loss, reason = "≤ 400")]
            let elapsed = own + per_row * size.limit() as f64;
            size.committed(None, Duration::from_secs_f64(elapsed / 1_000.0));
        }
        size.limit()
    }

    #[test]
    fn quick_batches_grow_to_the_bound() {
        assert_eq!(settled(0.0, 0.1), 400);
    }

    #[test]
    fn slow_rows_are_held_to_the_target() {
        let rows = settled(0.0, 0.5);
        assert!((190..=210).contains(&rows), "{rows}");
        let rows = settled(0.0, 50.0);
        assert_eq!(rows, ROWS_MIN);
    }

    #[test]
    fn a_batch_that_is_slow_by_itself_does_not_shrink_to_nothing() {
        let rows = settled(80.0, 0.5);
        assert!((100..=240).contains(&rows), "{rows}");
        let rows = settled(300.0, 0.5);
        assert!((50..=240).contains(&rows), "{rows}");
    }

    #[test]
    fn a_batch_with_few_rows_says_only_what_these_cost() {
        let mut size = BatchSize::new(&SETTINGS);
        for _ in 0..10 {
            // 2 ms a row: 50 of them fit.
            size.committed(Some(10), Duration::from_millis(20));
        }
        assert_eq!(size.limit(), 50);
    }

    #[test]
    fn a_batch_without_rows_says_nothing() {
        let mut size = BatchSize::new(&SETTINGS);
        for _ in 0..10 {
            size.committed(Some(0), Duration::from_millis(1));
        }
        assert_eq!(size.limit(), 100);
    }

    #[test]
    fn what_quick_rows_taught_is_forgotten_at_the_next_step() {
        let mut size = BatchSize::new(&SETTINGS);
        for _ in 0..10 {
            size.committed(None, Duration::from_millis(1));
        }
        assert_eq!(size.limit(), 400);
        size.step_done();
        assert_eq!(size.limit(), ROWS_MIN);
        // 4 ms a row: 25 of them fit.
        size.committed(None, Duration::from_millis(80));
        assert_eq!(size.limit(), 25);
    }

    #[test]
    fn splitting_ends_at_one_row_and_does_not_grow_before_the_row_is_found() {
        let mut size = BatchSize::new(&SETTINGS);
        while size.split() {
            size.committed(None, Duration::from_millis(1));
        }
        assert_eq!(size.limit(), 1);
        size.isolated();
        size.committed(None, Duration::from_millis(1));
        assert_eq!(size.limit(), ROWS_MIN);
    }

    #[test]
    fn what_stands_in_the_way_halves_a_batch_down_to_the_row_until_it_is_gone() {
        let mut size = BatchSize::new(&SETTINGS);
        let limits: Vec<i64> = (0..8)
            .map(|_| {
                size.disturbed();
                size.limit()
            })
            .collect();
        assert_eq!(limits, [50, 25, 13, 7, 4, 2, 1, 1]);
        // The size grows again from there: what was in the way may still be there.
        let limits: Vec<i64> = (0..5)
            .map(|_| {
                size.committed(None, Duration::from_millis(1));
                size.limit()
            })
            .collect();
        assert_eq!(limits, [2, 4, 8, 16, 32]);
    }

    #[test]
    fn a_setting_below_the_minimum_takes_precedence_while_others_are_active() {
        let mut size = BatchSize::new(&BatchSettings { rows_busy: 5, ..SETTINGS });
        size.set_busy(true);
        assert_eq!(size.limit(), 5);
    }

    #[test]
    fn batches_are_small_while_others_are_at_work_and_grow_step_by_step_afterwards() {
        let mut size = BatchSize::new(&SETTINGS);
        size.set_busy(true);
        for _ in 0..10 {
            assert_eq!(size.limit(), 25);
            size.committed(None, Duration::from_millis(1));
        }
        size.set_busy(false);
        let mut limits = Vec::new();
        for _ in 0..4 {
            limits.push(size.limit());
            size.committed(None, Duration::from_millis(1));
        }
        assert_eq!(limits, [50, 100, 200, 400]);
    }
}
