//! Order in which a run visits local accounts: by the digits of their ids, read from last to first.
//!
//! Accounts that were created one after the other have rows on the same page of the table, and ids
//! that begin alike. A row whose new version fits on its own page costs a sixth of one that does
//! not, which adds an entry to every index of the table. A page has room where an earlier batch
//! moved a row away. So a batch should visit a page only once, and neighbours should be in
//! different batches. The last digits of an id change most, and are independent of the page.
//!
//! In SQL the position is `reverse(id::text) collate "C"`.

use uuid::Uuid;

/// Position in that order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Scattered(u128);

/// Mask of the second hexadecimal digit of each byte.
const LAST_DIGITS: u128 = u128::from_be_bytes([0x0f; 16]);

/// Reverses the order of hexadecimal digits; the inverse of itself.
const fn reversed(digits: u128) -> u128 {
    let bytes = digits.swap_bytes();
    (bytes & LAST_DIGITS) << 4 | (bytes >> 4) & LAST_DIGITS
}

impl Scattered {
    /// Position of an account.
    pub(super) const fn of(account: Uuid) -> Self {
        Self(reversed(account.as_u128()))
    }

    /// Account at this position.
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
