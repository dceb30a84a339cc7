//! Numbers as people read them.

/// Formats a count with its noun, given as a plural in `s`: `1 post`, `2,000 posts`.
pub(crate) fn counted(number: i64, things: &str) -> String {
    format!("{} {}", thousands(number), named(number, things))
}

/// Plural noun, or its singular if the number is 1: `relation of local followers`.
pub(crate) fn named(number: i64, things: &str) -> String {
    let complement = [" of ", " with "].iter().filter_map(|word| things.find(word)).min();
    let (noun, complement) = things.split_at(complement.unwrap_or(things.len()));
    let noun = noun.strip_suffix('s').filter(|_| number == 1).unwrap_or(noun);
    format!("{noun}{complement}")
}

/// Formats a number with a comma every three digits.
pub(crate) fn thousands(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if number < 0 { format!("-{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_three() {
        let texts = [0, 7, 999, 1_000, 1_234_567, -12_345].map(thousands);
        assert_eq!(texts, ["0", "7", "999", "1,000", "1,234,567", "-12,345"]);
    }

    #[test]
    fn one_thing_is_named_in_the_singular() {
        let counts = [0, 1, 1_000].map(|number| counted(number, "follow relations"));
        assert_eq!(counts, ["0 follow relations", "1 follow relation", "1,000 follow relations"]);
        for (things, one) in [
            ("relations of local followers", "relation of local followers"),
            ("accounts with wrong counters", "account with wrong counters"),
        ] {
            assert_eq!((named(1, things), named(2, things)), (one.to_owned(), things.to_owned()));
        }
    }
}
