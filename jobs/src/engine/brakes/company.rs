//! How busy others are in the database.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// Looks count for so long: each is a moment, and most of what a server does is over in a few
/// milliseconds.
pub(super) const LASTING: Duration = Duration::from_secs(10);

/// Looks until anything can be said. Before, others are assumed to be as busy as can be.
pub(super) const FIRST_LOOKS: u32 = 10;

/// Remembers the latest looks.
#[derive(Debug, Default)]
pub(super) struct Company {
    looks: u32,
    latest: VecDeque<(Instant, bool)>,
}

impl Company {
    /// Takes in whether a look at `now` saw others; gives the share of the latest looks that did,
    /// from 0 to 1.
    pub(super) fn judge(&mut self, seen: bool, now: Instant) -> f64 {
        self.looks = self.looks.saturating_add(1);
        self.latest.retain(|(then, _)| now.duration_since(*then) < LASTING);
        self.latest.push_back((now, seen));
        if self.is_new() {
            return 1.0;
        }
        #[expect(clippy::cast_precision_loss, reason = "a few thousand at most")]
        let share = |looks: usize| looks as f64 / self.latest.len() as f64;
        share(self.latest.iter().filter(|(_, seen)| *seen).count())
    }

    /// Whether too little was seen to say anything.
    pub(super) const fn is_new(&self) -> bool {
        self.looks < FIRST_LOOKS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_is_assumed_to_be_there_until_nobody_was_seen_for_long_enough() {
        let begun = Instant::now();
        let mut company = Company::default();
        let judged: Vec<f64> = (0..12).map(|_| company.judge(false, begun)).collect();
        assert_eq!(judged, [[1.0; 9].as_slice(), &[0.0; 3]].concat());
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "shares of a few looks")]
    fn whoever_was_seen_once_counts_for_a_while() {
        let begun = Instant::now();
        let mut company = Company { looks: FIRST_LOOKS, ..Company::default() };
        assert_eq!(company.judge(true, begun), 1.0);
        assert_eq!(company.judge(false, begun + LASTING / 4), 0.5);
        assert_eq!(company.judge(false, begun + LASTING / 2), 1.0 / 3.0);
        assert_eq!(company.judge(false, begun + LASTING), 0.0);
    }
}
