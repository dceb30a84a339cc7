//! How far a run is, for log lines and progress bars.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde_json::Value;

/// A run's figures after its latest committed batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Items dealt with since the run began, in this and earlier claims.
    pub done: i64,
    /// Items of the plan, once planned.
    pub total: Option<i64>,
    /// Items left aside.
    pub parked: i64,
    /// Batches committed under this claim.
    pub batches: u64,
    /// The longest transaction of a batch under this claim.
    pub longest_batch: Duration,
    /// What a job of several steps is doing, as a person says it: `follow relations`.
    pub step: Option<String>,
    /// Why it is throttled now.
    pub throttled: Option<String>,
    /// When the last delivery that the run asked for is due; `None` while all were due at once.
    pub deliveries_until: Option<DateTime<Utc>>,
}

/// Names the step of a run from its cursor: jobs of several steps have a cursor with a field
/// `step`.
pub fn step_of(cursor: &Value) -> Option<String> {
    Some(cursor.get("step")?.as_str()?.replace('_', " "))
}

/// Tells until when deliveries go on, as a person says it: `deliveries until about 14:05 UTC`;
/// `None` when the last of them was due before `now`.
pub fn deliveries_note(until: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Option<String> {
    let until = until.filter(|until| *until > now)?;
    let form = if until.date_naive() == now.date_naive() { "%H:%M" } else { "%Y-%m-%d %H:%M" };
    Some(format!("deliveries until about {} UTC", until.format(form)))
}

/// What a rate and a time to go are guessed from: less says nothing, as batches come in bursts.
const BASIS: Duration = Duration::from_secs(3);

/// Turns figures into a rate and a time to go, counted from the figures it was started with.
#[derive(Debug)]
pub struct Meter {
    since: Instant,
    dealt_with_before: i64,
}

impl Meter {
    /// Starts the clock.
    pub fn start(progress: &Progress) -> Self {
        Self { since: Instant::now(), dealt_with_before: dealt_with(progress) }
    }

    /// Items per second since the start; `None` before there is anything to tell it from.
    pub fn rate(&self, progress: &Progress) -> Option<f64> {
        self.rate_after(progress, self.since.elapsed())
    }

    /// Time to go at this rate, in whole seconds; `None` before there is a rate or a total, and when
    /// nothing is left.
    pub fn eta(&self, progress: &Progress) -> Option<Duration> {
        self.eta_after(progress, self.since.elapsed())
    }

    fn rate_after(&self, progress: &Progress, elapsed: Duration) -> Option<f64> {
        let items = dealt_with(progress) - self.dealt_with_before;
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = items as f64 / elapsed.as_secs_f64();
        (elapsed >= BASIS && items > 0).then_some(rate)
    }

    fn eta_after(&self, progress: &Progress, elapsed: Duration) -> Option<Duration> {
        let rate = self.rate_after(progress, elapsed)?;
        let left = progress.total? - dealt_with(progress);
        #[expect(clippy::cast_precision_loss, reason = "an estimate for people")]
        let seconds = (left as f64 / rate).ceil().min(1e9);
        (left > 0).then(|| Duration::from_secs_f64(seconds))
    }
}

/// Items that nothing is left to do about.
fn dealt_with(progress: &Progress) -> i64 {
    progress.done + progress.parked
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(10);

    fn at(done: i64) -> Progress {
        Progress { done, total: Some(1_000), ..Progress::default() }
    }

    #[test]
    fn there_is_no_time_to_go_without_a_rate_or_a_total() {
        let meter = Meter::start(&at(500));
        assert_eq!(meter.eta_after(&at(500), LONG), None);
        assert_eq!(meter.eta_after(&Progress { total: None, ..at(600) }, LONG), None);
        assert_eq!(meter.eta_after(&at(1_000), LONG), None, "nothing is left");
        assert_eq!(meter.eta_after(&at(600), LONG), Some(Duration::from_secs(40)));
        assert_eq!(meter.eta_after(&at(999), LONG), Some(Duration::from_secs(1)), "never 0s");
    }

    #[test]
    fn nothing_is_guessed_from_the_first_moments() {
        let meter = Meter::start(&at(0));
        assert_eq!(meter.rate_after(&at(900), Duration::from_secs(1)), None);
        assert_eq!(meter.eta_after(&at(900), Duration::from_secs(1)), None);
        assert_eq!((meter.rate(&at(900)), meter.eta(&at(900))), (None, None));
    }

    #[test]
    fn parked_items_are_dealt_with() {
        let meter = Meter::start(&at(0));
        let later = Progress { parked: 100, ..at(400) };
        assert_eq!(meter.rate_after(&later, LONG), Some(50.0));
        assert_eq!(meter.eta_after(&later, LONG), Some(Duration::from_secs(10)));
    }

    #[test]
    fn the_end_of_deliveries_is_reported_while_it_is_to_come() {
        let now = DateTime::UNIX_EPOCH;
        let reported = |seconds| deliveries_note(DateTime::from_timestamp(seconds, 0), now);
        assert_eq!(reported(50_700).as_deref(), Some("deliveries until about 14:05 UTC"));
        assert_eq!(
            reported(90_000).as_deref(),
            Some("deliveries until about 1970-01-02 01:00 UTC")
        );
        assert_eq!(reported(0), None);
        assert_eq!(deliveries_note(None, now), None);
    }

    #[test]
    fn a_step_is_named_as_a_person_says_it() {
        let cursor = serde_json::json!({ "step": "follow_relations", "after": 7 });
        assert_eq!(step_of(&cursor), Some("follow relations".to_owned()));
        assert_eq!(step_of(&serde_json::json!({ "after": 7 })), None);
    }

    #[test]
    fn what_was_done_before_is_not_counted_into_the_rate() {
        let begun = Progress { done: 1_000_000, ..Progress::default() };
        let later = Progress { done: 1_008_000, ..Progress::default() };
        assert_eq!(Meter::start(&begun).rate_after(&later, LONG), Some(800.0));
    }
}
