//! Rests between batches.

use std::{mem, time::Duration};

use crate::{BatchSettings, throttle::DatabaseLoad};

/// Share of samples with other activity from which the database counts as fully busy. Rests grow in
/// proportion up to here, and no further: what another session feels depends on the share of the
/// time in which batches run, whether ten or a hundred sessions come per second.
const BUSY: f64 = 0.05;

/// Keeps the share of the time in which a run works within its bounds.
#[derive(Debug)]
pub(crate) struct Rests {
    share_busy: f64,
    /// How busy other sessions are.
    busy: f64,
    /// Long runs that share the working time while other sessions are busy.
    active_runs: f64,
    speed: f64,
    /// Duration of the latest batch, until [`Self::take_work`] takes it.
    worked: Duration,
}

impl Rests {
    pub(crate) fn new(settings: &BatchSettings) -> Self {
        Self {
            share_busy: f64::from(settings.percent_busy) / 100.0,
            busy: 0.0,
            active_runs: 1.0,
            speed: 1.0,
            worked: Duration::ZERO,
        }
    }

    /// Sets the operator's speed factor; 1 is the speed that the settings allow.
    pub(super) const fn set_speed(&mut self, speed: f64) {
        self.speed = speed;
    }

    /// Sets how busy the samples show other sessions to be by now.
    pub(super) const fn set_load(&mut self, load: DatabaseLoad) {
        self.busy = load.busy;
    }

    /// Sets the number of long runs that are being worked on. While other sessions are busy, all of
    /// them together work no more than one would alone.
    #[expect(clippy::cast_precision_loss, reason = "a few dozen")]
    pub(super) fn set_active_runs(&mut self, runs: i64) {
        self.active_runs = runs.max(1) as f64;
    }

    /// Records the duration of a batch.
    pub(super) const fn worked(&mut self, elapsed: Duration) {
        self.worked = elapsed;
    }

    /// Takes the duration of the latest batch; zero when it was taken already.
    pub(super) const fn take_work(&mut self) -> Duration {
        mem::replace(&mut self.worked, Duration::ZERO)
    }

    /// Rest due after `worked`: so long that the run works for `batch.percent_busy` of the time, times its
    /// speed; less of a rest the less busy other sessions are, and none while they are idle. No
    /// speed factor makes it less than zero.
    pub(super) fn after(&self, worked: Duration) -> Duration {
        let least = self.share_busy / self.active_runs;
        let rest = (1.0 / least - 1.0) * (self.busy / BUSY).min(1.0);
        let working = (self.speed / (1.0 + rest)).clamp(0.001, 1.0);
        worked.mul_f64(1.0 / working - 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: BatchSettings =
        BatchSettings { percent_busy: 25, ..BatchSettings::of_rows(100) };

    /// Milliseconds of rest after a batch of 100 ms.
    fn rest(busy: f64, runs: i64, speed: f64) -> u128 {
        let mut rests = Rests::new(&SETTINGS);
        rests.set_speed(speed);
        rests.set_load(DatabaseLoad { present: true, busy });
        rests.set_active_runs(runs);
        rests.worked(Duration::from_millis(100));
        let worked = rests.take_work();
        assert_eq!(rests.take_work(), Duration::ZERO);
        (rests.after(worked) + Duration::from_micros(1)).as_millis()
    }

    #[test]
    fn the_busier_others_are_the_longer_it_rests() {
        assert_eq!(rest(0.0, 1, 1.0), 0);
        assert_eq!(rest(BUSY / 3.0, 1, 1.0), 100);
        assert_eq!(rest(BUSY, 1, 1.0), 300);
        assert_eq!(rest(1.0, 1, 1.0), 300);
    }

    #[test]
    fn several_runs_work_no_more_than_one_while_others_are_busy() {
        assert_eq!([0, 1, 2, 5].map(|runs| rest(1.0, runs, 1.0)), [300, 300, 700, 1_900]);
        assert_eq!(rest(0.0, 5, 1.0), 0);
    }

    #[test]
    fn at_half_the_speed_everything_takes_twice_as_long() {
        assert_eq!(rest(0.0, 1, 0.5), 100);
        assert_eq!(rest(1.0, 1, 0.5), 700);
        assert_eq!(rest(1.0, 1, 4.0), 0);
        assert_eq!(rest(0.0, 1, 100.0), 0);
    }
}
