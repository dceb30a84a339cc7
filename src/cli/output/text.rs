//! Texts of strangers, so that a terminal obeys nothing in them and a person sees all of them.

use std::fmt::Write as _;

/// Characters that take no place on a terminal, or turn the direction of what follows: Unicode's
/// default ignorable ones, and those that only format.
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

/// Whether a terminal acts on a character instead of showing it, or shows nothing.
fn is_hidden(c: char) -> bool {
    c.is_control() || is_invisible(c)
}

/// Replaces what a terminal would obey or not show: names and addresses come from strangers.
pub(super) fn plain(text: &str) -> String {
    let shown = |c: char| if is_hidden(c) && c != '\n' { char::REPLACEMENT_CHARACTER } else { c };
    text.chars().map(shown).collect()
}

/// Keeps texts of strangers from looking like lines of ours.
pub(in crate::cli) fn one_line(text: &str) -> String {
    plain(&text.replace('\n', " "))
}

/// Escapes in JSON what a terminal would obey or not show, and JSON itself lets through.
pub(super) fn escaped(json: &str) -> String {
    // Outside of strings JSON has none of them.
    escape(json, is_hidden)
}

/// Escapes in a line of the log what nobody would see. It has control characters of its own, for
/// colours, and has escaped those of others.
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

    /// Whatever the crate of widths takes for nothing to see, but for accents and the like, which
    /// are to be seen on the letter before.
    #[test]
    fn nothing_is_printed_that_nobody_sees() {
        let unseen: Vec<String> = (char::MIN..=char::MAX)
            .filter(|c| c.width().unwrap_or(0) == 0 && !is_hidden(*c))
            // A letter that may stand alone needs no escape; one that belongs to another does.
            .filter(|c| c.is_alphabetic() || c.escape_debug().len() == 1)
            // A stroke above letters; to be seen, whatever the crate says.
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
