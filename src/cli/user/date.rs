//! Dates as the original parses them.

use chrono::NaiveDate;

/// Reason why a text is not a date, in the original's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::cli) enum NoDate {
    /// The text does not have the form of a date.
    #[error("invalid_format")]
    Format,
    /// The date is not in the calendar.
    #[error("invalid_date")]
    Date,
}

/// Parses `YYYY-MM-DD`, with all digits.
pub(in crate::cli) fn parse(text: &str) -> Result<NaiveDate, NoDate> {
    let shaped = text.len() == 10
        && text.bytes().enumerate().all(|(place, byte)| match place {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if !shaped {
        return Err(NoDate::Format);
    }
    let number = |part: Option<&str>| part.and_then(|digits| digits.parse::<u32>().ok());
    let (year, month, day) = (text.get(..4), number(text.get(5..7)), number(text.get(8..)));
    let year = year.and_then(|digits| digits.parse::<i32>().ok());
    year.zip(month.zip(day))
        .and_then(|(year, (month, day))| NaiveDate::from_ymd_opt(year, month, day))
        .ok_or(NoDate::Date)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dates_are_read() {
        assert_eq!(parse("2030-01-31").ok(), NaiveDate::from_ymd_opt(2030, 1, 31));
        assert_eq!(parse("2028-02-29").ok(), NaiveDate::from_ymd_opt(2028, 2, 29));
        assert_eq!(parse("0000-01-01").ok(), NaiveDate::from_ymd_opt(0, 1, 1));
    }

    #[test]
    fn what_is_no_date_is_refused_in_the_originals_words() {
        for text in [
            "",
            "nonsense",
            "2030-1-31",
            "2030/01/31",
            "30-01-31",
            " 2030-01-31",
            "2030-01-31T00:00",
            "２030-01-3",
        ] {
            assert_eq!(parse(text), Err(NoDate::Format), "{text}");
        }
        for text in ["2030-02-29", "2030-13-01", "2030-00-01", "2030-01-00", "2030-04-31"] {
            assert_eq!(parse(text), Err(NoDate::Date), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_day_of_four_digits_is_read(days in 0_i32..=3_652_058) {
            // Day 1 is 0001-01-01, the last day 9999-12-31.
            let day = NaiveDate::from_num_days_from_ce_opt(days + 1).unwrap_or_default();
            prop_assert_eq!(parse(&day.format("%Y-%m-%d").to_string()), Ok(day));
        }

        #[test]
        fn no_text_makes_it_panic(text: String, shaped in "[0-9]{4}-[0-9]{2}-[0-9]{2}") {
            let _either = parse(&text);
            prop_assert_ne!(parse(&shaped), Err(NoDate::Format));
        }
    }
}
