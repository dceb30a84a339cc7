//! Flake ids, implemented separately from the product's own codec so that each checks the other.

use uuid::Uuid;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Returns the text that the servers show for an id: base62 without padding. Ids from before flakes
/// (upper 64 bits zero) are plain decimals.
pub fn flake_text(id: Uuid) -> String {
    let mut rest = id.as_u128();
    if rest >> 64 == 0 {
        return rest.to_string();
    }
    let mut reversed = String::new();
    while rest > 0 {
        // Less than 62, so neither cast nor index can fail.
        let digit = usize::try_from(rest % 62).unwrap_or_default();
        reversed.push(char::from(ALPHABET[digit]));
        rest /= 62;
    }
    reversed.chars().rev().collect()
}

/// Parses such a text. Returns `None` for an invalid character or a number of more than 128 bits.
pub fn flake_id(text: &str) -> Option<Uuid> {
    if let Ok(number) = text.parse::<u64>() {
        return Some(Uuid::from_u128(number.into()));
    }
    if text.is_empty() {
        return None;
    }
    text.bytes()
        .try_fold(0_u128, |number, byte| {
            let digit = ALPHABET.iter().position(|&known| known == byte)?;
            number.checked_mul(62)?.checked_add(u128::try_from(digit).ok()?)
        })
        .map(Uuid::from_u128)
}

#[cfg(test)]
mod tests {
    use super::{flake_id, flake_text};
    use uuid::Uuid;

    #[test]
    fn texts_and_ids_belong_together() {
        for number in [0, 7, u128::from(u64::MAX), 1 << 64, 1 << 90, u128::MAX] {
            let id = Uuid::from_u128(number);
            assert_eq!(flake_id(&flake_text(id)), Some(id), "{number}");
        }
        assert_eq!(flake_text(Uuid::from_u128(12)), "12");
    }

    #[test]
    fn what_is_no_flake_is_refused() {
        for text in ["", "abc-def", "zzzzzzzzzzzzzzzzzzzzzzz", "é"] {
            assert_eq!(flake_id(text), None, "{text}");
        }
    }
}
