//! Flake ids (docs/semantics.md 0.4).

use std::{
    fmt,
    sync::Mutex,
    time::{SystemTime, UNIX_EPOCH},
};

use uuid::Uuid;

/// The digits of a flake's text, in order of value.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// An id that the server keeps as `uuid` and writes as base62 text.
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

/// Makes flakes as one node of the server would: 64 bits of Unix time in ms, 48 random bits
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
    /// Makes the next id: larger than all that this source made before.
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
            // The clock stands or went back. When a millisecond's ids are used up, borrow the next.
            sequence.checked_add(1).map_or((time + 1, 0), |sequence| (time, sequence))
        };
        *last
    }
}

#[cfg(test)]
mod tests {
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
}
