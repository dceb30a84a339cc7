//! How busy other sessions in the database are.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// Time for which a sample counts: each is a moment, and most of what a server does is over in a
/// few milliseconds.
pub(super) const LASTING: Duration = Duration::from_secs(10);

/// Samples needed before an empty window counts as idle. Until then, other sessions are assumed to
/// be fully busy.
const MIN_SAMPLES: u32 = 10;

/// Activity of other sessions in the database.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct DatabaseLoad {
    /// Whether they were active lately: then batches are small.
    pub(crate) present: bool,
    /// How busy they are, from 0 to 1, as the share of samples that saw a session in a transaction:
    /// then there are rests between batches.
    pub(crate) busy: f64,
}

impl DatabaseLoad {
    /// Load before the first sample: assumed to be fully busy.
    pub(crate) const UNKNOWN: Self = Self { present: true, busy: 1.0 };

    /// Load without other sessions.
    #[cfg(test)]
    pub(crate) const NONE: Self = Self { present: false, busy: 0.0 };
}

/// What one sample saw of other sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OtherSessions {
    /// Whether a session was in a transaction at that moment.
    pub(super) in_transaction: bool,
    /// Whether a session did anything within [`LASTING`]; `None` if this role may not see that of
    /// all of them.
    pub(super) lately: Option<bool>,
}

impl OtherSessions {
    /// Assumption for a sample that failed.
    pub(super) const UNSEEN: Self = Self { in_transaction: true, lately: Some(true) };
}

/// Samples of the latest [`LASTING`].
#[derive(Debug, Default)]
pub(super) struct SampleWindow {
    taken: u32,
    latest: VecDeque<(Instant, bool)>,
}

impl SampleWindow {
    /// Takes in what a sample at `now` saw of other sessions, and returns the load known by now.
    pub(super) fn judge(&mut self, others: OtherSessions, now: Instant) -> DatabaseLoad {
        self.taken = self.taken.saturating_add(1);
        self.latest.retain(|(then, _)| now.duration_since(*then) < LASTING);
        self.latest.push_back((now, others.in_transaction));
        let nobody_was_there = others.lately == Some(false);
        let busy = if self.are_few() && !nobody_was_there { 1.0 } else { self.busy() };
        DatabaseLoad { present: others.lately == Some(true) || busy > 0.0, busy }
    }

    /// Share of the latest samples that saw a session in a transaction.
    fn busy(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a few thousand at most")]
        let share = |samples: usize| samples as f64 / self.latest.len() as f64;
        share(self.latest.iter().filter(|(_, seen)| *seen).count())
    }

    /// Whether there are too few samples to judge.
    pub(super) const fn are_few(&self) -> bool {
        self.taken < MIN_SAMPLES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOBODY: OtherSessions = OtherSessions { in_transaction: false, lately: Some(false) };

    #[test]
    fn somebody_is_assumed_to_be_there_until_nobody_was_seen_for_long_enough() {
        let begun = Instant::now();
        let mut samples = SampleWindow::default();
        let unseen = OtherSessions { lately: None, ..NOBODY };
        let judged: Vec<DatabaseLoad> = (0..12).map(|_| samples.judge(unseen, begun)).collect();
        assert_eq!(
            judged,
            [[DatabaseLoad::UNKNOWN; 9].as_slice(), &[DatabaseLoad::NONE; 3]].concat()
        );
    }

    #[test]
    fn whoever_may_know_that_nobody_did_anything_lately_need_not_look_again() {
        let begun = Instant::now();
        assert_eq!(SampleWindow::default().judge(NOBODY, begun), DatabaseLoad::NONE);
        let in_transaction = OtherSessions { in_transaction: true, ..NOBODY };
        assert_eq!(
            SampleWindow::default().judge(in_transaction, begun),
            DatabaseLoad::UNKNOWN,
            "a long one"
        );
        let lately = OtherSessions { lately: Some(true), ..NOBODY };
        assert_eq!(
            SampleWindow::default().judge(lately, begun),
            DatabaseLoad::UNKNOWN,
            "between two"
        );
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "shares of a few looks")]
    fn whoever_was_seen_once_counts_for_a_while() {
        let begun = Instant::now();
        let mut samples = SampleWindow { taken: MIN_SAMPLES, ..SampleWindow::default() };
        let mut busy = |in_transaction, now| {
            samples.judge(OtherSessions { in_transaction, ..NOBODY }, begun + now).busy
        };
        assert_eq!(busy(true, Duration::ZERO), 1.0);
        assert_eq!(busy(false, LASTING / 4), 0.5);
        assert_eq!(busy(false, LASTING / 2), 1.0 / 3.0);
        assert_eq!(busy(false, LASTING), 0.0);
    }
}
