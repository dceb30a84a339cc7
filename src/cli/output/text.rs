//! Untrusted text, escaped so that a terminal interprets nothing in it and the user sees all of it.

use std::fmt::Write as _;

/// Characters of zero width, or that change the direction of the text after them: Unicode's
/// default-ignorable and format characters.
const INVISIBLE: [(char, char); 19] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

fn is_invisible(c: char) -> bool {
    INVISIBLE.iter().any(|(first, last)| (*first..=*last).contains(&c))
}

/// Whether a terminal would interpret a character, or show nothing for it.
fn is_hidden(c: char) -> bool {
    c.is_control() || is_invisible(c)
}

/// Escapes what a terminal would interpret or not show: names and addresses are untrusted.
pub(super) fn plain(text: &str) -> String {
    let shown = |c: char| if is_hidden(c) && c != '\n' { char::REPLACEMENT_CHARACTER } else { c };
    text.chars().map(shown).collect()
}

/// Keeps untrusted text on one line, so that it cannot pass for a line of ours.
pub(in crate::cli) fn one_line(text: &str) -> String {
    plain(&text.replace('\n', " "))
}

/// Escapes in JSON what a terminal would interpret or not show, and JSON itself does not escape.
pub(super) fn escaped(json: &str) -> String {
    // JSON has no such characters outside of strings.
    escape(json, is_hidden)
}

/// Escapes invisible characters in a log line. Control characters are kept: the log uses them for
/// colours, and has already escaped those in its values.
pub(super) fn visible(line: &str) -> String {
    escape(line, is_invisible)
}

fn escape(text: &str, is_meant: impl Fn(char) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if is_meant(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _infallible = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(c);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthChar as _;

    use super::*;

    #[test]
    fn a_terminal_gets_nothing_to_obey() {
        assert_eq!(plain("a\u{1b}[2Jb\tc\nd\u{9b}"), "a\u{fffd}[2Jb\u{fffd}c\nd\u{fffd}");
        assert_eq!(plain("gnp\u{202e}exe.é"), "gnp\u{fffd}exe.é");
        assert_eq!(plain("ali\u{200b}ce"), "ali\u{fffd}ce");
    }

    /// Every character that the width crate considers invisible is escaped, except accents and
    /// other combining marks, which show on the letter before.
    #[test]
    fn nothing_is_printed_that_nobody_sees() {
        let unseen: Vec<String> = (char::MIN..=char::MAX)
            .filter(|c| c.width().unwrap_or(0) == 0 && !is_hidden(*c))
            // A letter that can stand alone needs no escape; one that combines with another does.
            .filter(|c| c.is_alphabetic() || c.escape_debug().len() == 1)
            // A stroke above letters: visible, although the crate says otherwise.
            .filter(|c| !c.is_alphabetic() && *c != '\u{a8fa}')
            .map(|c| format!("{:x}", u32::from(c)))
            .collect();
        assert_eq!(unseen, [""; 0]);
    }

    #[test]
    fn json_loses_nothing() -> serde_json::Result<()> {
        let text = "\u{85}\u{9b}0m\u{7f}\u{202e}\u{200b}\u{e0041}\u{1b}\t\"é";
        let json = escaped(&serde_json::to_string(text)?);
        assert!(!json.chars().any(is_hidden), "{json:?}");
        assert_eq!(serde_json::from_str::<String>(&json)?, text);
        Ok(())
    }

    #[test]
    fn a_log_line_keeps_its_colours() {
        assert_eq!(
            visible("\u{1b}[31mali\u{200b}ce\u{1b}[0m\n"),
            "\u{1b}[31mali\\u200bce\u{1b}[0m\n"
        );
    }
}
