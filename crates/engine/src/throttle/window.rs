//! A window: a part of the day.

use std::{fmt, str::FromStr};

use chrono::NaiveTime;
use serde::Deserialize;

/// Format of a time in a window.
const FORMAT: &str = "%H:%M";

/// From one time of day until just before another, past midnight if the second is earlier:
/// `22:00-05:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Window {
    from: NaiveTime,
    until: NaiveTime,
}

/// Error for a text that is not a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not two different times of day such as 01:00-06:00")]
pub struct InvalidWindow;

impl Window {
    /// Whether `time` lies within the window.
    pub fn contains(self, time: NaiveTime) -> bool {
        if self.from < self.until {
            (self.from..self.until).contains(&time)
        } else {
            time >= self.from || time < self.until
        }
    }
}

impl TryFrom<String> for Window {
    type Error = InvalidWindow;

    fn try_from(text: String) -> Result<Self, InvalidWindow> {
        text.parse()
    }
}

impl FromStr for Window {
    type Err = InvalidWindow;

    fn from_str(text: &str) -> Result<Self, InvalidWindow> {
        let (from, until) = text.split_once('-').ok_or(InvalidWindow)?;
        let time = |text: &str| {
            let two_digits = text.len() == 5;
            NaiveTime::parse_from_str(text, FORMAT).ok().filter(|_| two_digits)
        };
        match (time(from), time(until)) {
            (Some(from), Some(until)) if from != until => Ok(Self { from, until }),
            _ => Err(InvalidWindow),
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.from.format(FORMAT), self.until.format(FORMAT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within(window: &str, time: &str) -> Option<bool> {
        let time = NaiveTime::parse_from_str(time, "%H:%M:%S").ok()?;
        Some(window.parse::<Window>().ok()?.contains(time))
    }

    #[test]
    fn the_first_minute_belongs_to_it_and_the_last_does_not() {
        for time in ["01:00:00", "05:59:59"] {
            assert_eq!(within("01:00-06:00", time), Some(true), "{time}");
        }
        for time in ["00:59:59", "06:00:00"] {
            assert_eq!(within("01:00-06:00", time), Some(false), "{time}");
        }
    }

    #[test]
    fn it_may_go_over_midnight() {
        for time in ["22:30:00", "23:59:59", "00:00:00", "04:59:59"] {
            assert_eq!(within("22:30-05:00", time), Some(true), "{time}");
        }
        for time in ["05:00:00", "22:29:59"] {
            assert_eq!(within("22:30-05:00", time), Some(false), "{time}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "25:00", "25:00-06:00", "01:00-06:60", "1:00-6:00", "06:00-06:00", "01:00"]
        {
            assert_eq!(text.parse::<Window>(), Err(InvalidWindow), "{text:?}");
        }
        assert_eq!(
            "22:30-05:00".parse::<Window>().map(|w| w.to_string()),
            Ok("22:30-05:00".into())
        );
    }
}
