//! The only file that prints: results on the standard output, everything else on the standard error.

use std::{
    fmt::Write as _,
    io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _},
};

use serde::Serialize;

/// Bytes of an answer that are looked at.
const ANSWER: u64 = 1024;

/// How a command talks.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Output {
    /// One JSON object per line instead of text.
    pub(crate) json: bool,
    /// Only results and errors.
    pub(crate) quiet: bool,
    /// Colours on the standard error.
    pub(crate) color: bool,
}

impl Output {
    /// Prints a line of the result. Not in JSON mode, where [`Output::object`] does.
    pub(crate) fn result(self, line: impl AsRef<str>) {
        if !self.json {
            write(&mut io::stdout().lock(), &plain(line.as_ref()));
        }
    }

    /// Prints the result as one JSON object, in JSON mode.
    pub(crate) fn object(self, object: &impl Serialize) {
        if self.json
            && let Ok(line) = serde_json::to_string(object)
        {
            write(&mut io::stdout().lock(), &escaped(&line));
        }
    }

    /// Says something that is good to know.
    pub(crate) fn note(self, line: impl AsRef<str>) {
        if !self.quiet {
            write(&mut io::stderr().lock(), &plain(line.as_ref()));
        }
    }

    /// Says something without which a person cannot decide what to do: even when told to be quiet.
    pub(crate) fn attention(line: impl AsRef<str>) {
        write(&mut io::stderr().lock(), &plain(line.as_ref()));
    }

    /// Says something that ought to be known.
    pub(crate) fn warning(self, line: impl AsRef<str>) {
        self.labelled("warning", "33", line.as_ref());
    }

    /// Says why a command failed.
    pub(crate) fn error(self, line: impl AsRef<str>) {
        self.labelled("error", "31", line.as_ref());
    }

    fn labelled(self, label: &str, ansi: &str, line: &str) {
        let label =
            if self.color { format!("\x1b[1;{ansi}m{label}:\x1b[0m") } else { format!("{label}:") };
        write(&mut io::stderr().lock(), &format!("{label} {}", plain(line)));
    }

    /// Asks a question; anything but a yes is a no. `None` when there is nobody to ask.
    pub(crate) fn ask(self, question: &str) -> Option<bool> {
        if self.json || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return None;
        }
        let mut stderr = io::stderr().lock();
        let _gone = write!(stderr, "{} [y/N] ", plain(question)).and_then(|()| stderr.flush());
        let mut answer = String::new();
        let read = io::stdin().lock().read_line(&mut answer);
        Some(read.is_ok() && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
    }

    /// Asks on the standard output, as the original does, and reads the answer from the standard
    /// input, also when that is a pipe. Empty when there is none.
    pub(crate) fn ask_on_stdout(question: &str) -> String {
        let mut stdout = io::stdout().lock();
        let _gone = write!(stdout, "{}", plain(question)).and_then(|()| stdout.flush());
        let mut answer = String::new();
        match io::stdin().lock().take(ANSWER).read_line(&mut answer) {
            Ok(_) => answer.trim().to_owned(),
            Err(_unreadable) => String::new(),
        }
    }

    /// Whether a person sits there and sees what is printed.
    pub(crate) fn is_watched(self) -> bool {
        !self.json && io::stdout().is_terminal() && io::stderr().is_terminal()
    }

    /// Whether a moving progress bar makes sense.
    pub(crate) fn is_live(self) -> bool {
        !self.quiet && io::stderr().is_terminal()
    }
}

/// Writes a line. A reader that has gone away (`| head`) is no reason to complain.
fn write(stream: &mut impl io::Write, line: &str) {
    let _gone = writeln!(stream, "{line}");
}

/// Takes out what a terminal would obey: names and addresses come from strangers.
fn plain(text: &str) -> String {
    let visible = |c: char| if is_obeyed(c) && c != '\n' { char::REPLACEMENT_CHARACTER } else { c };
    text.chars().map(visible).collect()
}

/// Keeps texts of strangers from looking like lines of ours.
pub(super) fn one_line(text: &str) -> String {
    plain(&text.replace('\n', " "))
}

/// Escapes in JSON what a terminal would obey and JSON itself lets through.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if is_obeyed(c) {
            // All of them are in the first plane; outside of strings JSON has none.
            let _infallible = write!(text, "\\u{:04x}", u32::from(c));
        } else {
            text.push(c);
        }
    }
    text
}

/// Whether a terminal acts on a character instead of showing it: control characters, also those of
/// eight bits, and those that turn the direction of what follows.
fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// A table whose columns are as wide as they must be, and each row of which is one line.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| one_line(cell)).collect()).collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column).map(|cell| cell.chars().count()));
        cells.chain([header.get(column).map_or(0, |cell| cell.len())]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> =
            cells.zip(&widths).map(|(cell, &width)| format!("{cell:<width$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(&mut header.iter().copied())];
    lines.extend(rows.iter().map(|row| line(&mut row.iter().map(String::as_str))));
    lines
}

/// Writes a number of things, named in the plural (of those in `s`): `1 post`, `2,000 posts`.
pub(crate) fn counted(number: i64, things: &str) -> String {
    format!("{} {}", thousands(number), named(number, things))
}

/// Names things in the plural or, if there is one, in the singular.
pub(crate) fn named(number: i64, things: &str) -> &str {
    things.strip_suffix('s').filter(|_| number == 1).unwrap_or(things)
}

/// Writes a number with a comma every three digits.
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
    }

    #[test]
    fn a_terminal_gets_nothing_to_obey() {
        assert_eq!(plain("a\u{1b}[2Jb\tc\nd\u{9b}"), "a\u{fffd}[2Jb\u{fffd}c\nd\u{fffd}");
        assert_eq!(plain("gnp\u{202e}exe.é"), "gnp\u{fffd}exe.é");
    }

    #[test]
    fn json_gives_a_terminal_nothing_to_obey_and_loses_nothing() -> serde_json::Result<()> {
        let text = "a\u{1b}[2J\u{7f}\u{9b}31m\u{202e}b\n\u{2028}é";
        let line = escaped(&serde_json::to_string(text)?);
        assert!(!line.contains(is_obeyed), "{line:?}");
        assert_eq!(serde_json::from_str::<String>(&line)?, text);
        Ok(())
    }

    #[test]
    fn columns_line_up() {
        let rows = vec![vec!["a".into(), "long cell".into()], vec!["bcd".into(), "x".into()]];
        assert_eq!(table(&["ID", "WHAT"], &rows), ["ID   WHAT", "a    long cell", "bcd  x"]);
        let forged = vec![vec!["a\nbcd  x".into()]];
        assert_eq!(table(&["ID"], &forged), ["ID", "a bcd  x"]);
    }
}
