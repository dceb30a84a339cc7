//! Times of selectors, in UTC as the server stores them.

use std::str::FromStr;

use chrono::{DateTime, Datelike as _, Days, NaiveDate, NaiveTime, TimeDelta, Utc};

use crate::cli::user::date;

/// Forms of a time, for messages.
const FORMS: &str = "2026-11-20 or 2026-11-20T22:00 (UTC)";

/// Times from one moment to another, both optional.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    /// First moment.
    pub(super) from: Option<DateTime<Utc>>,
    /// Moment after the last one.
    pub(super) before: Option<DateTime<Utc>>,
}

impl FromStr for Range {
    type Err = String;

    /// Parses `D`, `D..D`, `D..`, `..D`, and `2026-11-20..22` for days of one month.
    fn from_str(text: &str) -> Result<Self, String> {
        let Some((first, last)) = text.split_once("..") else {
            let day = Span::parse(text)?;
            return Ok(Self { from: Some(day.begin), before: Some(day.end) });
        };
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let from = some(first).map(|text| Span::parse(&text)).transpose()?;
        let last = some(last).map(|text| match (&from, day_of_month(&text)) {
            (Some(from), Some(day)) => {
                let date = from.begin.date_naive();
                Span::parse(&format!("{:04}-{:02}-{day:02}", date.year(), date.month()))
            }
            _ => Span::parse(&text),
        });
        let range = Self {
            from: from.map(|span| span.begin),
            before: last.transpose()?.map(|span| span.end),
        };
        match (range.from, range.before) {
            (None, None) => Err(format!("give at least one time: {FORMS}")),
            (Some(from), Some(before)) if from >= before => {
                Err("it ends before it begins".to_owned())
            }
            _ => Ok(range),
        }
    }
}

/// Parses a day alone, such as `22`.
fn day_of_month(text: &str) -> Option<u32> {
    let digits = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

/// What a typed time stands for: a day, a minute, a second.
struct Span {
    begin: DateTime<Utc>,
    end: DateTime<Utc>,
}

impl Span {
    fn parse(text: &str) -> Result<Self, String> {
        let invalid = || format!("{text:?} is not a time; give {FORMS}");
        let (day, time) = text.split_once(['T', 't']).unzip();
        let day: NaiveDate =
            date::parse(day.unwrap_or(text)).map_err(|fault| format!("{}: {fault}", invalid()))?;
        let Some(time) = time else {
            let end = day.checked_add_days(Days::new(1)).ok_or_else(invalid)?;
            let midnight = |day: NaiveDate| day.and_time(NaiveTime::MIN).and_utc();
            return Ok(Self { begin: midnight(day), end: midnight(end) });
        };
        let time = time.strip_suffix(['Z', 'z']).unwrap_or(time);
        let (format, unit) = match time.len() {
            5 => ("%H:%M", TimeDelta::minutes(1)),
            8 => ("%H:%M:%S", TimeDelta::seconds(1)),
            _ => return Err(invalid()),
        };
        let time = NaiveTime::parse_from_str(time, format).map_err(|_fault| invalid())?;
        let begin = day.and_time(time).and_utc();
        Ok(Self { begin, end: begin.checked_add_signed(unit).ok_or_else(invalid)? })
    }
}

/// Parses how long ago something was, or since when: `12h`, `1y`, or a time.
pub(super) fn since(text: &str) -> Result<DateTime<Utc>, String> {
    let now = Utc::now();
    let moment = match humantime::parse_duration(text) {
        Ok(duration) => TimeDelta::from_std(duration)
            .ok()
            .and_then(|duration| now.checked_sub_signed(duration))
            .filter(|moment| moment.year() >= 0)
            .ok_or_else(|| "it is too long ago".to_owned())?,
        Err(_) => {
            Span::parse(text)
                .map_err(|_fault| {
                    format!("give a duration such as 12h, 3days or 1y, or a time: {FORMS}")
                })?
                .begin
        }
    };
    if moment > now { Err("it is in the future".to_owned()) } else { Ok(moment) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Option<(String, String)> {
        let shown = |at: Option<DateTime<Utc>>| {
            at.map_or_else(String::new, |at| at.format("%Y-%m-%d %H:%M:%S").to_string())
        };
        text.parse().ok().map(|Range { from, before }| (shown(from), shown(before)))
    }

    #[test]
    fn ranges_include_their_last_day_or_minute() {
        for (text, from, before) in [
            ("2026-11-20", "2026-11-20 00:00:00", "2026-11-21 00:00:00"),
            ("2026-11-20..22", "2026-11-20 00:00:00", "2026-11-23 00:00:00"),
            ("2026-11-20..2026-12-02", "2026-11-20 00:00:00", "2026-12-03 00:00:00"),
            ("2026-11-20..", "2026-11-20 00:00:00", ""),
            ("..2026-12-31", "", "2027-01-01 00:00:00"),
            ("2026-11-20T22:00", "2026-11-20 22:00:00", "2026-11-20 22:01:00"),
            ("2026-11-20T22:00Z..21", "2026-11-20 22:00:00", "2026-11-22 00:00:00"),
            ("2026-11-20..2026-11-20T04:00:30", "2026-11-20 00:00:00", "2026-11-20 04:00:31"),
        ] {
            assert_eq!(read(text), Some((from.to_owned(), before.to_owned())), "{text}");
        }
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in [
            "",
            "..",
            "...",
            "x",
            "2026-11-20..19",
            "2026-11-22..2026-11-20",
            "2026-11-31",
            "20..22",
            "..22",
            "2026-11-20..32",
            "2026-11-20..2026-11-21..22",
            "2026-11-20 22:00",
            "2026-11-20T25:00",
            "2026-11-20T22",
            "2026-11-20T22:00+01:00",
            "2026-11-20,22",
            "2026-11-20..+2",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_duration_is_counted_back_from_now() {
        let ago = |text| since(text).ok().map(|at| (Utc::now() - at).num_minutes());
        assert_eq!(ago("12h"), Some(720));
        assert_eq!(ago("1y"), Some(525_960));
        assert_eq!(
            since("2026-01-02T03:04").map(|at| at.to_rfc3339()),
            Ok("2026-01-02T03:04:00+00:00".to_owned())
        );
        for text in ["", "12", "yesterday", "-1h", "99999999y", "9999-01-01"] {
            assert!(since(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text: String, shaped in "[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:]{5,8})?(\\.\\.[0-9T:-]{0,16})?") {
            let _either = (text.parse::<Range>(), since(&text));
            if let Ok(Range { from: Some(from), before: Some(before) }) = shaped.parse() {
                prop_assert!(from < before);
            }
        }
    }
}
