//! Progress of a run, for log lines and progress bars.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde_json::Value;

/// Figures of a run after its latest committed batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Items dealt with since the run began, in this and earlier claims.
    pub done: i64,
    /// Items in the plan; `None` before the run is planned.
    pub total: Option<i64>,
    /// Parked items.
    pub parked: i64,
    /// Batches committed under this claim.
    pub batches: u64,
    /// Duration of the longest batch under this claim.
    pub longest_batch: Duration,
    /// Current step of a job with several steps, in words: `follow relations`.
    pub step: Option<String>,
    /// Reason why the run is throttled now.
    pub throttled: Option<String>,
    /// Time when the last delivery that the run requested is due; `None` while all were due
    /// immediately.
    pub deliveries_until: Option<DateTime<Utc>>,
}

/// Names the step of a run, in words. Jobs with several steps have a cursor with a field `step`.
pub fn step_of(cursor: &Value) -> Option<String> {
    Some(cursor.get("step")?.as_str()?.replace('_', " "))
}

/// Text that reports until when deliveries continue: `deliveries until about 14:05 UTC`. `None` if
/// the last of them is due by `now`.
pub fn deliveries_note(until: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Option<String> {
    let until = until.filter(|until| *until > now)?;
    let form = if until.date_naive() == now.date_naive() { "%H:%M" } else { "%Y-%m-%d %H:%M" };
    Some(format!("deliveries until about {} UTC", until.format(form)))
}

/// Minimum time before a rate and a time remaining are estimated: batches come in bursts.
const BASIS: Duration = Duration::from_secs(3);

/// Rate and time remaining, measured from the figures that it was started with.
#[derive(Debug)]
pub struct Meter {
    since: Instant,
    dealt_with_before: i64,
}

impl Meter {
    /// Starts the measurement at `progress`.
    pub fn start(progress: &Progress) -> Self {
        Self { since: Instant::now(), dealt_with_before: dealt_with(progress) }
    }

    /// Items per second since the start; `None` within the first 3 s, and while no item was dealt
    /// with.
    pub fn rate(&self, progress: &Progress) -> Option<f64> {
        self.rate_after(progress, self.since.elapsed())
    }

    /// Time remaining at this rate, in whole seconds. `None` without a rate or a total, and when
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

/// Items with nothing left to do: done or parked.
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
