//! The order in which a run meets local accounts: by the digits of their ids, read from the last to the first.
//!
//! Accounts that were made one after the other have rows in the same page of the table, and ids that
//! begin alike. A row whose new version finds room in its own page costs a sixth of one that does not,
//! which goes into every index of the table; and there is room where an earlier batch moved a row
//! away. So a batch should meet a page once, and neighbours should be in different batches. The last
//! digits of an id change most, and say nothing of the page.

use uuid::Uuid;

/// A place in that order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Scattered(u128);

/// The same in SQL, of the account that it is given.
macro_rules! scattered {
    ($id:literal) => {
        concat!("reverse(", $id, "::text) collate \"C\"")
    };
}
pub(super) use scattered;

/// The last half of each byte.
const LAST_DIGITS: u128 = u128::from_be_bytes([0x0f; 16]);

/// Turns the order of hexadecimal digits round; twice, it is as before.
const fn reversed(digits: u128) -> u128 {
    let bytes = digits.swap_bytes();
    (bytes & LAST_DIGITS) << 4 | (bytes >> 4) & LAST_DIGITS
}

impl Scattered {
    /// Where an account comes.
    pub(super) const fn of(account: Uuid) -> Self {
        Self(reversed(account.as_u128()))
    }

    /// The account.
    pub(super) const fn account(self) -> Uuid {
        Uuid::from_u128(reversed(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_order_of_the_digits_read_backwards() {
        let account = Uuid::from_u128;
        let ids = [0x10, 0x20, 0x01, 0x11, 0xa1, 0x02, 0x8000 << 112];
        let mut ordered = ids.map(|id| Scattered::of(account(id)));
        ordered.sort_unstable();
        let backwards = |id: &Uuid| id.to_string().chars().rev().collect::<String>();
        let mut expected = ids.map(account);
        expected.sort_unstable_by_key(backwards);
        assert_eq!(ordered.map(Scattered::account), expected);
    }
}
