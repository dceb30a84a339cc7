//! Comments of a row, as the reason of a run has them.

use super::row::Row;

/// Maximum length of a comment, in characters.
pub(super) const COMMENT_MAX: usize = 500;

/// Combines the comments and labels of a row into one line, if there are any.
pub(super) fn of(row: &Row) -> Option<String> {
    let mut parts: Vec<String> = Vec::new();
    let labels = row.labels.join(", ");
    for text in row.comments.iter().map(String::as_str).chain([labels.as_str()]) {
        let text = one_line(text);
        if !text.is_empty() && !parts.contains(&text) {
            parts.push(text);
        }
    }
    let all = parts.join("; ");
    let mut short: String = all.chars().take(COMMENT_MAX).collect();
    if short.len() < all.len() {
        short.pop();
        short.push('…');
    }
    (!short.is_empty()).then_some(short)
}

/// Text with single spaces instead of white space and control characters. `PostgreSQL` stores no NUL.
fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Labels of a row in lower case, also those that stand in its comments.
pub(super) fn labels(row: &Row) -> impl Iterator<Item = String> {
    let texts = row.labels.iter().chain(&row.comments);
    let words = texts.flat_map(|text| text.split(|c: char| c.is_whitespace() || ",;".contains(c)));
    words.filter(|word| word.contains(':')).map(str::to_lowercase)
}
