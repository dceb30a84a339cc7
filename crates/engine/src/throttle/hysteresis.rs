//! Hysteresis of checks: a check throttles immediately when its bound is passed, and releases only
//! after the figure has been well within it for a while.

use std::time::{Duration, Instant};

use super::{ThrottleCheck, Throttled};

/// Share of a bound that counts as well within it, in percent.
const CLEAR_PERCENT: i64 = 80;

/// What a sample showed for one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) check: ThrottleCheck,
    pub(super) level: Level,
    /// Reason to throttle, if the check does.
    pub(super) reason: String,
}

/// Position of a figure relative to its bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// Well within its bound.
    Clear,
    /// Too near to the bound to release a check, and no reason to throttle.
    Near,
    /// Beyond its bound.
    Over,
}

impl Level {
    /// Level of a figure that must not be higher than its bound.
    pub(super) const fn at_most(figure: i64, bound: i64) -> Self {
        if figure > bound {
            Self::Over
        } else if figure.saturating_mul(100) > bound.saturating_mul(CLEAR_PERCENT) {
            Self::Near
        } else {
            Self::Clear
        }
    }

    /// Level of a figure that must not be lower than its bound.
    pub(super) const fn at_least(figure: i64, bound: i64) -> Self {
        if figure < bound {
            Self::Over
        } else if figure.saturating_mul(CLEAR_PERCENT) < bound.saturating_mul(100) {
            Self::Near
        } else {
            Self::Clear
        }
    }

    /// Level of a condition that holds or does not.
    pub(super) const fn of(over: bool) -> Self {
        if over { Self::Over } else { Self::Clear }
    }
}

/// Checks that throttle now, and until when they are held.
#[derive(Debug)]
pub(super) struct Hysteresis {
    release_after: Duration,
    on: Vec<(Throttled, Instant)>,
}

impl Hysteresis {
    pub(super) const fn new(release_after: Duration) -> Self {
        Self { release_after, on: Vec::new() }
    }

    /// Takes in what a sample at `now` showed. Returns the check that throttles; the
    /// longest-standing if there are several.
    pub(super) fn judge(&mut self, readings: Vec<Reading>, now: Instant) -> Option<Throttled> {
        for Reading { check, level, reason } in readings {
            let until = if check.is_command() { now } else { now + self.release_after };
            let held = self.on.iter_mut().find(|(throttled, _)| throttled.check == check);
            match (level, held) {
                (Level::Over, Some(held)) => *held = (Throttled { check, reason }, until),
                (Level::Over, None) => self.on.push((Throttled { check, reason }, until)),
                (Level::Near, Some((_, held_until))) => *held_until = until,
                (Level::Near, None) | (Level::Clear, _) => {}
            }
        }
        self.on.retain(|(_, until)| *until >= now);
        self.on.first().map(|(throttled, _)| throttled.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOLD: Duration = Duration::from_secs(5);

    fn lag(level: Level) -> Vec<Reading> {
        vec![Reading { check: ThrottleCheck::ReplicaLag, level, reason: format!("{level:?}") }]
    }

    #[test]
    fn figures_near_the_bound_neither_throttle_nor_release() {
        let begun = Instant::now();
        let second = |n| begun + Duration::from_secs(n);
        let mut hysteresis = Hysteresis::new(HOLD);
        assert_eq!(hysteresis.judge(lag(Level::Near), second(0)), None);
        assert!(hysteresis.judge(lag(Level::Over), second(1)).is_some());
        for n in 2..60 {
            assert!(hysteresis.judge(lag(Level::Near), second(n)).is_some(), "{n}");
        }
        for n in 60..65 {
            assert!(hysteresis.judge(lag(Level::Clear), second(n)).is_some(), "{n}");
        }
        assert_eq!(hysteresis.judge(lag(Level::Clear), second(65)), None);
    }

    #[test]
    fn figures_that_go_up_and_down_do_not_flap() {
        let begun = Instant::now();
        let mut hysteresis = Hysteresis::new(HOLD);
        let changes = (0..100).map(|n| {
            let level = if n % 4 == 0 { Level::Over } else { Level::Clear };
            hysteresis.judge(lag(level), begun + Duration::from_secs(n)).is_some()
        });
        assert!(changes.into_iter().all(|throttled| throttled));
    }

    #[test]
    fn what_a_person_says_is_obeyed_at_once() {
        let flag = |over| {
            let (check, level) = (ThrottleCheck::FlagFile, Level::of(over));
            vec![Reading { check, level, reason: String::new() }]
        };
        let begun = Instant::now();
        let mut hysteresis = Hysteresis::new(HOLD);
        assert!(hysteresis.judge(flag(true), begun).is_some());
        assert_eq!(hysteresis.judge(flag(false), begun + Duration::from_millis(1)), None);
    }

    #[test]
    fn four_fifths_of_a_bound_are_well_within_it() {
        assert_eq!(Level::at_most(101, 100), Level::Over);
        assert_eq!(Level::at_most(81, 100), Level::Near);
        assert_eq!(Level::at_most(80, 100), Level::Clear);
        assert_eq!(Level::at_least(99, 100), Level::Over);
        assert_eq!(Level::at_least(124, 100), Level::Near);
        assert_eq!(Level::at_least(125, 100), Level::Clear);
    }
}
