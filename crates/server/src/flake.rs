//! Flake ids (docs/semantics.md 0.4).

use std::{
    fmt,
    str::FromStr,
    sync::Mutex,
    time::{SystemTime, UNIX_EPOCH},
};

use uuid::Uuid;

/// Digits of a flake's text, in order of value.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Id that the server stores as `uuid` and writes as base62 text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flake(pub Uuid);

impl fmt::Display for Flake {
    /// Writes base62, or the plain number for rows from before flakes (upper 64 bits zero).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.as_u128();
        if rest >> 64 == 0 {
            return write!(f, "{rest}");
        }
        let mut text = Vec::with_capacity(22);
        while rest > 0 {
            // Below 62, so it is a valid index and fits any integer.
            let digit = (rest % 62) as usize;
            text.extend(DIGITS.get(digit).map(|&digit| char::from(digit)));
            rest /= 62;
        }
        f.write_str(&text.into_iter().rev().collect::<String>())
    }
}

/// Error for a text that the server writes for no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither a flake id nor the number of a row from before flakes")]
pub struct NoFlake;

impl FromStr for Flake {
    type Err = NoFlake;

    /// Parses what [`Display`](fmt::Display) writes, and nothing else: no blanks, no leading zeros.
    /// Digits alone are a number, as long as it fits into 64 bits.
    fn from_str(text: &str) -> Result<Self, NoFlake> {
        let number = text.parse::<u64>().ok().map(u128::from).or_else(|| base62(text));
        let flake = Self(Uuid::from_u128(number.ok_or(NoFlake)?));
        if flake.to_string() == text { Ok(flake) } else { Err(NoFlake) }
    }
}

/// Parses a number in base 62 of at most 128 bits.
fn base62(text: &str) -> Option<u128> {
    text.bytes().try_fold(0_u128, |number, byte| {
        let digit = DIGITS.iter().position(|&known| known == byte)?;
        number.checked_mul(62)?.checked_add(u128::try_from(digit).ok()?)
    })
}

/// Generator of flakes as on a node of the server: 64 bits of Unix time in ms, 48 random bits
/// chosen once, 16 bits of sequence within the millisecond.
#[derive(Debug)]
pub struct FlakeSource {
    node: u64,
    last: Mutex<(u64, u16)>,
}

impl Default for FlakeSource {
    fn default() -> Self {
        let (_, random) = Uuid::new_v4().as_u64_pair();
        Self { node: random & 0xFFFF_FFFF_FFFF, last: Mutex::new((0, 0)) }
    }
}

impl FlakeSource {
    /// Generates the next id: greater than all earlier ones of this source.
    pub fn generate(&self) -> Flake {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let (time, sequence) = self.step(u64::try_from(now.as_millis()).unwrap_or(u64::MAX));
        Flake(Uuid::from_u64_pair(time, (self.node << 16) | u64::from(sequence)))
    }

    fn step(&self, now: u64) -> (u64, u16) {
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (time, sequence) = *last;
        *last = if now > time {
            (now, 0)
        } else {
            // The clock stands still or went back. When the ids of a millisecond are used up,
            // borrow the next one.
            sequence.checked_add(1).map_or((time + 1, 0), |sequence| (time, sequence))
        };
        *last
    }
}

/// Generator of ids for new rows that sort together immediately before an existing row, instead of
/// at the head of every timeline (docs/semantics.md 0.4.8).
#[derive(Debug)]
pub struct FlakesBefore {
    time: u64,
    low: u64,
}

impl FlakesBefore {
    /// Creates a source for the millisecond before that of `row`, with a worker part of its own.
    ///
    /// The ids are in an earlier millisecond, not in the same one: a walk that continues after
    /// `row` never meets them.
    pub fn new(row: Uuid) -> Self {
        let (time, _) = row.as_u64_pair();
        let (_, random) = Uuid::new_v4().as_u64_pair();
        // A row from before flakes has no time, and an id without a time would count as such a row.
        Self { time: time.saturating_sub(1).max(1), low: random << 16 }
    }

    /// Generates the next id: greater than the earlier ones, up to 65,536 ids.
    pub fn generate(&mut self) -> Flake {
        let flake = Flake(Uuid::from_u64_pair(self.time, self.low));
        self.low = self.low.wrapping_add(1);
        flake
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_is_that_of_the_recorded_server() {
        // Row and Oban args of the recording pleroma/da_likes_announces_given.
        let id = Uuid::parse_str("000001a2-06e7-798f-cc9d-5ea123250000").unwrap_or_default();
        assert_eq!(Flake(id).to_string(), "BCjL2aigzG9M563KXA");
    }

    #[test]
    fn ids_from_before_flakes_are_plain_numbers() {
        assert_eq!(Flake(Uuid::from_u128(1_234_567)).to_string(), "1234567");
    }

    #[test]
    fn ids_grow_even_when_the_clock_does_not() {
        let source = FlakeSource::default();
        let ids: Vec<_> = (0..200_000).map(|_| source.generate()).collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
        assert_eq!(source.step(u64::MAX - 7), (u64::MAX - 7, 0));
        assert_eq!(source.step(5), (u64::MAX - 7, 1));
    }

    #[test]
    fn texts_are_read_as_they_are_written() {
        let read = |text: &str| text.parse().map(|Flake(id)| id.to_string());
        let ids = [
            ("BCjL2aigzG9M563KXA", "000001a2-06e7-798f-cc9d-5ea123250000"),
            ("1234567", "00000000-0000-0000-0000-00000012d687"),
            ("0", "00000000-0000-0000-0000-000000000000"),
            ("18446744073709551615", "00000000-0000-0000-ffff-ffffffffffff"),
        ];
        for (text, id) in ids {
            assert_eq!(read(text).as_deref(), Ok(id), "{text}");
        }
    }

    #[test]
    fn what_the_server_never_writes_is_refused() {
        for text in [
            "",
            " ",
            "alice",
            "007",
            "+7",
            "-7",
            "7 ",
            "0BCjL2aigzG9M563KXA",
            "BCjL2aigzG9M563KX-",
            "BCjL2aigzG9M563KXé",
            "zzzzzzzzzzzzzzzzzzzzzzz",
            "'; drop table users; --",
        ] {
            assert_eq!(text.parse::<Flake>(), Err(NoFlake), "{text:?}");
        }
    }

    #[test]
    fn ids_before_a_row_stand_together_right_before_it() {
        let row = Uuid::from_u64_pair(1_795_414_799_000, 7);
        let [mut first, mut second] = [row, row].map(FlakesBefore::new);
        let ids: Vec<Uuid> = (0..10_000).map(|_| first.generate().0).collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
        assert!(ids.iter().all(|id| *id < row && id.as_u64_pair().0 == 1_795_414_798_999));
        assert!(!ids.contains(&second.generate().0), "two batches have no id in common");
        let from_before_flakes = Uuid::from_u128(1_234_567);
        assert_eq!(FlakesBefore::new(from_before_flakes).generate().0.as_u64_pair().0, 1);
    }

    proptest! {
        #[test]
        fn every_id_comes_back(number: u128, low: u64) {
            for number in [number, u128::from(low)] {
                let flake = Flake(Uuid::from_u128(number));
                let text = flake.to_string();
                // A flake of digits alone would count as a number: 1 in 10^14 is one.
                prop_assume!(number >> 64 == 0 || text.parse::<u64>().is_err());
                prop_assert_eq!(text.parse(), Ok(flake));
            }
        }

        #[test]
        fn no_text_makes_it_panic(text: String, digits in "[0-9A-Za-z]{0,40}") {
            for text in [text, digits] {
                if let Ok(flake) = text.parse::<Flake>() {
                    prop_assert_eq!(flake.to_string(), text);
                }
            }
        }
    }
}
