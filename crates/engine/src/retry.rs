//! The only retry policy.

use std::time::Duration;

/// Bounds at which a run retries or gives up.
#[derive(Debug, Clone, Copy)]
pub struct RetrySettings {
    /// Maximum failed tries in a row, without a committed batch in between.
    pub max_attempts: i32,
    /// Maximum worker crashes in a row over one run, without a committed batch in between.
    pub max_crashes: i32,
    /// Maximum number of immediate retries of a failing batch, under the same claim.
    pub immediate_retries: u32,
    /// Delay before the first of these; doubled each time.
    pub quick_delay: Duration,
    /// Maximum number of items parked in a row for the same cause, with nothing done in between.
    /// Beyond that, the cause is not in the items.
    pub in_a_row_max: u32,
    /// Claims that leave a single stuck item for a later try, before it is parked.
    pub stuck_attempts: i32,
    /// Maximum number of stuck items in a row; then the run is given back, to continue later.
    pub stuck_in_a_row_max: u32,
    /// Maximum number of items parked because they failed, since the run was requested or retried.
    pub failures_max: i64,
}

impl RetrySettings {
    /// Default policy, with three quick retries after 100 ms, 200 ms and 400 ms: deadlocks and held
    /// locks are mostly over by then.
    pub const fn new(max_attempts: i32, max_crashes: i32) -> Self {
        Self {
            max_attempts,
            max_crashes,
            immediate_retries: 3,
            quick_delay: Duration::from_millis(100),
            in_a_row_max: 1_000,
            stuck_attempts: 2,
            stuck_in_a_row_max: 25,
            failures_max: 10_000,
        }
    }

    /// Delay before a quick retry; the first one is number 1.
    pub(super) fn quick_delay(self, tries: u32) -> Duration {
        self.quick_delay.saturating_mul(1 << tries.saturating_sub(1).min(6))
    }

    /// The delay before the next try after `attempt` failed ones: 5 s, doubled each time, at most
    /// 10 min. `None` when there is no next try.
    pub(super) fn delay(self, attempt: i32) -> Option<Duration> {
        if attempt + 1 >= self.max_attempts {
            return None;
        }
        let doublings = u32::try_from(attempt).unwrap_or(0).min(16);
        Some(Duration::from_secs((5_u64 << doublings).min(600)))
    }

    /// Error text, if a run killed too many workers.
    pub(super) fn too_many_crashes(self, crashes: i32) -> Option<String> {
        (crashes >= self.max_crashes).then(|| {
            format!("{crashes} workers in a row died or fell silent over this run without a step")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_a_bound_and_end() {
        let policy = RetrySettings::new(10, 3);
        let seconds: Vec<_> =
            (0..10).map(|attempt| policy.delay(attempt).map(|delay| delay.as_secs())).collect();
        let expected = [5, 10, 20, 40, 80, 160, 320, 600, 600].map(Some).into_iter().chain([None]);
        assert_eq!(seconds, expected.collect::<Vec<_>>());
        let quick: Vec<_> =
            (1..=policy.immediate_retries).map(|number| policy.quick_delay(number)).collect();
        assert_eq!(quick, [100, 200, 400].map(Duration::from_millis));
    }
}
