//! Whether others are at work in the database.

use std::time::{Duration, Instant};

/// Others count as being at work for so long after they were seen: a look is a moment, and most of
/// what a server does is over in a few milliseconds.
const LASTING: Duration = Duration::from_secs(5);

/// Looks until it can be said that nobody is there. Before, somebody is assumed to be.
pub(super) const FIRST_LOOKS: u32 = 10;

/// Remembers when others were seen.
#[derive(Debug, Default)]
pub(super) struct Company {
    looks: u32,
    seen: Option<Instant>,
}

impl Company {
    /// Takes in whether a look at `now` saw others; says whether they count as being at work.
    pub(super) fn judge(&mut self, seen: bool, now: Instant) -> bool {
        self.looks = self.looks.saturating_add(1);
        if seen {
            self.seen = Some(now);
        }
        self.is_new() || self.seen.is_some_and(|seen| now.duration_since(seen) < LASTING)
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
        let judged: Vec<bool> = (0..12).map(|_| company.judge(false, begun)).collect();
        assert_eq!(judged, [[true; 9].as_slice(), &[false; 3]].concat());
    }

    #[test]
    fn whoever_was_seen_once_counts_for_a_while() {
        let begun = Instant::now();
        let mut company = Company { looks: FIRST_LOOKS, seen: None };
        assert!(company.judge(true, begun));
        assert!(company.judge(false, begun + LASTING / 2));
        assert!(!company.judge(false, begun + LASTING));
    }
}
