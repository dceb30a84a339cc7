//! Batch size and the rests between batches.

use std::{collections::VecDeque, mem, time::Duration};

use super::throttle::DatabaseLoad;

/// Settings for batch size, time-outs and rests.
#[derive(Debug, Clone, Copy)]
pub struct BatchSettings {
    /// Rows in the first batch.
    pub rows_initial: i64,
    /// Maximum rows in a batch.
    pub rows_max: i64,
    /// Maximum rows in a batch while other sessions are active; fewer with `nice`.
    pub rows_busy: i64,
    /// Target duration of a batch's transaction.
    pub target: Duration,
    /// PostgreSQL's `lock_timeout` within a batch.
    pub lock_timeout: Duration,
    /// PostgreSQL's `statement_timeout` within a batch.
    pub statement_timeout: Duration,
    /// Maximum time that a run waits, at its end, for other sessions that may still write what they
    /// read earlier.
    pub late_writes: Duration,
    /// Share of the time in which all long runs together work while other sessions are busy; above
    /// 0, up to 1.
    pub share_busy: f64,
    /// Rest between batches as a multiple of the time that the batches take. `share_busy` is also
    /// divided by (1 + nice)².
    pub nice: f64,
}

impl BatchSettings {
    /// Time after which PostgreSQL counts as unreachable during a turn of the loop: far longer than
    /// the server's own time-outs let a turn last.
    pub(super) fn timeout(&self) -> Duration {
        self.statement_timeout * 3 + self.lock_timeout + Duration::from_secs(5)
    }
}

/// Adjusts the batch size to the target time, and narrows a failing batch down to a single row.
///
/// A batch has a fixed cost and a cost per row. Only the cost of the rows is held to the target: a
/// batch with a high fixed cost does not get faster by being smaller; there are only more of them.
#[derive(Debug)]
pub(super) struct Pacing {
    limit: i64,
    rows_max: i64,
    rows_busy: i64,
    load: DatabaseLoad,
    /// Long runs that share the working time while other sessions are busy.
    active_runs: f64,
    target: f64,
    isolating: bool,
    /// Set by a lock conflict or a time-out, until batches are back at their minimum size.
    avoiding: bool,
    rows_initial: i64,
    /// Rows and seconds of the latest batches, newest last.
    latest: VecDeque<(f64, f64)>,
    share_busy: f64,
    nice: f64,
    speed: f64,
    /// Duration of the latest batch, until [`Self::take_work`] takes it.
    worked: Duration,
}

/// Minimum rows in a batch: fewer are not worth a transaction. Batches have fewer only where the
/// settings demand it, or while they avoid other sessions or isolate a bad row.
const ROWS_MIN: i64 = 20;

/// Share of samples with other activity from which the database counts as fully busy. Rests grow in
/// proportion up to here, and no further: what another session feels depends on the share of the
/// time in which batches run, whether ten or a hundred sessions come per second.
const BUSY: f64 = 0.05;

/// Batches from which costs are estimated; few, since the cost of a row changes along the way.
const LOOK_BACK: usize = 8;

/// Maximum duration of a batch as a multiple of the target, whatever its fixed cost.
const ALLOWANCE: f64 = 2.0;

impl Pacing {
    pub(super) fn new(settings: &BatchSettings) -> Self {
        let rows_initial = settings.rows_initial.clamp(1, settings.rows_max);
        Self {
            limit: rows_initial,
            rows_initial,
            rows_max: settings.rows_max,
            rows_busy: Self::rows_busy(settings),
            load: DatabaseLoad::NONE,
            active_runs: 1.0,
            target: settings.target.as_secs_f64(),
            isolating: false,
            avoiding: false,
            latest: VecDeque::with_capacity(LOOK_BACK + 1),
            share_busy: settings.share_busy,
            nice: settings.nice,
            speed: 1.0,
            worked: Duration::ZERO,
        }
    }

    /// Sets the operator's speed factor; 1 is the speed that the settings allow.
    pub(super) const fn set_speed(&mut self, speed: f64) {
        self.speed = speed;
    }

    /// Takes the duration of the latest batch; zero when it was taken already.
    pub(super) const fn take_work(&mut self) -> Duration {
        mem::replace(&mut self.worked, Duration::ZERO)
    }

    /// Rest due after `worked`. No speed factor makes it less than zero.
    pub(super) fn rest_after(&self, worked: Duration) -> Duration {
        // While other sessions are busy, the time worked is divided by (1 + nice)³. Once, as it is
        // everywhere. Once more because batches have fewer rows there, and fewer rows must not mean
        // more batches. And once more so that few sessions meet a batch, and the slowest hundredth
        // of them is hardly slower (bench live).
        let least = self.share_busy / self.active_runs / (1.0 + self.nice).powi(2);
        let rest = (1.0 / least - 1.0) * (self.load.busy / BUSY).min(1.0);
        let working = (self.speed / (1.0 + rest) / (1.0 + self.nice)).clamp(0.001, 1.0);
        worked.mul_f64(1.0 / working - 1.0)
    }

    /// Maximum rows in the next batch.
    pub(super) fn limit(&self) -> i64 {
        if self.load.present { self.limit.min(self.rows_busy) } else { self.limit }
    }

    /// Maximum rows in a batch while other sessions are active: the higher `nice`, the fewer. Rests
    /// alone do not help the few sessions that meet a batch: they wait until it is over.
    fn rows_busy(settings: &BatchSettings) -> i64 {
        // Both are far below 2^52: f64 represents them exactly.
        #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "≤ 2^52")]
        let nicer = (settings.rows_busy as f64 / (1.0 + settings.nice)).ceil() as i64;
        nicer.max(ROWS_MIN).min(settings.rows_busy)
    }

    /// Whether other sessions are active.
    pub(super) const fn is_database_busy(&self) -> bool {
        self.load.present
    }

    /// Sets the load that the samples show by now. Must not be called during a batch.
    pub(super) const fn set_load(&mut self, load: DatabaseLoad) {
        self.load = load;
    }

    /// Sets the number of long runs that are being worked on. While other sessions are busy, all of
    /// them together work no more than one would alone.
    #[expect(clippy::cast_precision_loss, reason = "a few dozen")]
    pub(super) fn set_active_runs(&mut self, runs: i64) {
        self.active_runs = runs.max(1) as f64;
    }

    /// Records a batch, committed after `elapsed`, after which the run begins another step. That
    /// step starts with few rows: what a row cost so far says nothing about its cost there.
    pub(super) fn step_done(&mut self, elapsed: Duration) {
        self.worked = elapsed;
        self.latest.clear();
        self.limit = self.rows_initial.min(ROWS_MIN);
        self.isolating = false;
    }

    /// Records a batch committed after `elapsed`; `rows` is set if it took fewer than its limit.
    /// The size does not grow while a bad row is being isolated. A batch without rows says nothing
    /// about their cost.
    pub(super) fn committed(&mut self, rows: Option<i64>, elapsed: Duration) {
        self.worked = elapsed;
        if rows == Some(0) {
            return;
        }
        let limit = self.limit();
        let rows = rows.map_or(limit, |rows| rows.clamp(1, limit));
        // Far below 2^52: f64 represents them exactly.
        #[expect(clippy::cast_precision_loss, reason = "≤ 2^52")]
        let (rows, limit) = (rows as f64, limit as f64);
        self.latest.push_back((rows, elapsed.as_secs_f64().max(0.001)));
        if self.latest.len() > LOOK_BACK {
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
        #[expect(clippy::cast_precision_loss, reason = "at most LOOK_BACK")]
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
        rows_initial: 100,
        rows_max: 400,
        rows_busy: 25,
        target: Duration::from_millis(100),
        lock_timeout: Duration::from_secs(2),
        statement_timeout: Duration::from_secs(10),
        late_writes: Duration::ZERO,
        share_busy: 0.25,
        nice: 0.0,
    };

    /// Batch size once it has settled, for a fixed cost `own` and a cost `per_row`, in
    /// milliseconds.
    fn settled(own: f64, per_row: f64) -> i64 {
        let mut pacing = Pacing::new(&SETTINGS);
        for _ in 0..30 {
            #[expect(clippy::cast_precision_loss, reason = "≤ 400")]
            let elapsed = own + per_row * pacing.limit() as f64;
            pacing.committed(None, Duration::from_secs_f64(elapsed / 1_000.0));
        }
        pacing.limit()
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
        let mut pacing = Pacing::new(&SETTINGS);
        for _ in 0..10 {
            // 2 ms a row: 50 of them fit.
            pacing.committed(Some(10), Duration::from_millis(20));
        }
        assert_eq!(pacing.limit(), 50);
    }

    #[test]
    fn a_batch_without_rows_says_nothing() {
        let mut pacing = Pacing::new(&SETTINGS);
        for _ in 0..10 {
            pacing.committed(Some(0), Duration::from_millis(1));
        }
        assert_eq!(pacing.limit(), 100);
    }

    #[test]
    fn what_quick_rows_taught_is_forgotten_at_the_next_step() {
        let mut pacing = Pacing::new(&SETTINGS);
        for _ in 0..10 {
            pacing.committed(None, Duration::from_millis(1));
        }
        assert_eq!(pacing.limit(), 400);
        pacing.step_done(Duration::from_millis(7));
        assert_eq!(pacing.limit(), ROWS_MIN);
        assert_eq!(pacing.take_work(), Duration::from_millis(7));
        // 4 ms a row: 25 of them fit.
        pacing.committed(None, Duration::from_millis(80));
        assert_eq!(pacing.limit(), 25);
    }

    #[test]
    fn splitting_ends_at_one_row_and_does_not_grow_before_the_row_is_found() {
        let mut pacing = Pacing::new(&SETTINGS);
        while pacing.split() {
            pacing.committed(None, Duration::from_millis(1));
        }
        assert_eq!(pacing.limit(), 1);
        pacing.isolated();
        pacing.committed(None, Duration::from_millis(1));
        assert_eq!(pacing.limit(), ROWS_MIN);
    }

    #[test]
    fn what_stands_in_the_way_halves_a_batch_down_to_the_row_until_it_is_gone() {
        let mut pacing = Pacing::new(&SETTINGS);
        let limits: Vec<i64> = (0..8)
            .map(|_| {
                pacing.disturbed();
                pacing.limit()
            })
            .collect();
        assert_eq!(limits, [50, 25, 13, 7, 4, 2, 1, 1]);
        // The size grows again from there: what was in the way may still be there.
        let limits: Vec<i64> = (0..5)
            .map(|_| {
                pacing.committed(None, Duration::from_millis(1));
                pacing.limit()
            })
            .collect();
        assert_eq!(limits, [2, 4, 8, 16, 32]);
    }

    /// Milliseconds of rest after a batch of 100 ms.
    fn rest(busy: f64, nice: f64, speed: f64) -> u128 {
        let mut pacing = Pacing::new(&BatchSettings { nice, ..SETTINGS });
        pacing.set_speed(speed);
        pacing.set_load(DatabaseLoad { present: true, busy });
        pacing.committed(None, Duration::from_millis(100));
        let worked = pacing.take_work();
        assert_eq!(pacing.take_work(), Duration::ZERO);
        (pacing.rest_after(worked) + Duration::from_micros(1)).as_millis()
    }

    #[test]
    fn batches_are_small_while_others_are_at_work_and_grow_step_by_step_afterwards() {
        let mut pacing = Pacing::new(&SETTINGS);
        pacing.set_load(DatabaseLoad { present: true, busy: 0.0 });
        for _ in 0..10 {
            assert_eq!(pacing.limit(), 25);
            pacing.committed(None, Duration::from_millis(1));
        }
        pacing.set_load(DatabaseLoad::NONE);
        let mut limits = Vec::new();
        for _ in 0..4 {
            limits.push(pacing.limit());
            pacing.committed(None, Duration::from_millis(1));
        }
        assert_eq!(limits, [50, 100, 200, 400]);
    }

    #[test]
    fn the_nicer_a_run_is_the_fewer_rows_its_batches_have_while_others_are_at_work() {
        let rows = |rows_busy: i64, nice: f64| {
            let mut pacing = Pacing::new(&BatchSettings { rows_busy, nice, ..SETTINGS });
            let alone = pacing.limit();
            pacing.set_load(DatabaseLoad { present: true, busy: 0.0 });
            (alone, pacing.limit())
        };
        assert_eq!([0.0, 0.5, 1.0, 2.0].map(|nice| rows(90, nice).1), [90, 60, 45, 30]);
        assert_eq!(rows(90, 100.0), (100, ROWS_MIN));
        // A lower `rows_busy` takes precedence over the minimum.
        assert_eq!(rows(5, 2.0), (100, 5));
    }

    #[test]
    fn rests_are_in_proportion_to_the_work() {
        assert_eq!(rest(0.0, 0.0, 1.0), 0);
        assert_eq!(rest(0.0, 0.5, 1.0), 50);
        assert_eq!(rest(0.0, 2.0, 1.0), 200);
    }

    #[test]
    fn the_busier_others_are_the_longer_it_rests() {
        assert_eq!(rest(1.0, 0.0, 1.0), 300);
        assert_eq!(rest(BUSY, 0.0, 1.0), 300);
        assert_eq!(rest(BUSY / 3.0, 0.0, 1.0), 100);
        assert_eq!(rest(1.0, 1.0, 1.0), 3_100);
        assert_eq!(rest(1.0, 2.0, 1.0), 10_700);
    }

    #[test]
    fn several_runs_work_no_more_than_one_while_others_are_busy() {
        let rest = |busy: f64, runs: i64| {
            let mut pacing = Pacing::new(&SETTINGS);
            pacing.set_load(DatabaseLoad { present: true, busy });
            pacing.set_active_runs(runs);
            (pacing.rest_after(Duration::from_millis(100)) + Duration::from_micros(1)).as_millis()
        };
        assert_eq!([0, 1, 2, 5].map(|runs| rest(1.0, runs)), [300, 300, 700, 1_900]);
        assert_eq!(rest(0.0, 5), 0);
    }

    #[test]
    fn at_half_the_speed_everything_takes_twice_as_long() {
        assert_eq!(rest(0.0, 0.0, 0.5), 100);
        assert_eq!(rest(0.0, 1.0, 0.5), 300);
        assert_eq!(rest(0.0, 1.0, 2.0), 0);
        assert_eq!(rest(1.0, 0.0, 4.0), 0);
        assert_eq!(rest(0.0, 0.0, 100.0), 0);
    }
}
