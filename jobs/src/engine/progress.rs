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
    /// Why it is held back now.
    pub held_back: Option<String>,
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
pub fn deliveries_told(until: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Option<String> {
    let until = until.filter(|until| *until > now)?;
    let form = if until.date_naive() == now.date_naive() { "%H:%M" } else { "%Y-%m-%d %H:%M" };
    Some(format!("deliveries until about {} UTC", until.format(form)))
}

/// Turns figures into a rate and a time to go, counted from the figures it was started with.
#[derive(Debug)]
pub struct Meter {
    since: Instant,
    done_before: i64,
}

impl Meter {
    /// Starts the clock.
    pub fn start(progress: &Progress) -> Self {
        Self { since: Instant::now(), done_before: progress.done }
    }

    /// Items per second since the start.
    pub fn rows_per_second(&self, progress: &Progress) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let items = (progress.done - self.done_before).max(0) as f64;
        items / self.since.elapsed().as_secs_f64().max(0.001)
    }

    /// Time to go at this rate; `None` before there is a rate or a total.
    pub fn eta(&self, progress: &Progress) -> Option<Duration> {
        let rate = self.rows_per_second(progress);
        #[expect(clippy::cast_precision_loss, reason = "an estimate for people")]
        let left = (progress.total? - progress.done - progress.parked).max(0) as f64;
        (rate > 0.0).then(|| Duration::from_secs_f64((left / rate).min(1e9)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_no_time_to_go_without_a_rate_or_a_total() {
        let begun = Progress { done: 500, total: Some(1_000), ..Progress::default() };
        let meter = Meter::start(&begun);
        assert_eq!(meter.eta(&begun), None);
        let unplanned = Progress { done: 600, total: None, ..Progress::default() };
        assert_eq!(meter.eta(&unplanned), None);
        let later = Progress { done: 600, total: Some(1_000), ..Progress::default() };
        assert!(meter.eta(&later).is_some());
    }

    #[test]
    fn the_end_of_deliveries_is_told_while_it_is_to_come() {
        let now = DateTime::UNIX_EPOCH;
        let told = |seconds| deliveries_told(DateTime::from_timestamp(seconds, 0), now);
        assert_eq!(told(50_700).as_deref(), Some("deliveries until about 14:05 UTC"));
        assert_eq!(told(90_000).as_deref(), Some("deliveries until about 1970-01-02 01:00 UTC"));
        assert_eq!(told(0), None);
        assert_eq!(deliveries_told(None, now), None);
    }

    #[test]
    fn a_step_is_named_as_a_person_says_it() {
        let cursor = serde_json::json!({ "step": "follow_relations", "after": 7 });
        assert_eq!(step_of(&cursor), Some("follow relations".to_owned()));
        assert_eq!(step_of(&serde_json::json!({ "after": 7 })), None);
    }

    #[test]
    fn work_of_earlier_claims_is_not_counted_into_the_rate() {
        let begun = Progress { done: 1_000_000, ..Progress::default() };
        let meter = Meter::start(&begun);
        assert!(meter.rows_per_second(&begun).abs() < f64::EPSILON);
    }
}
