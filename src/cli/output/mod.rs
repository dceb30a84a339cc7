//! The only folder that prints: results on the standard output, everything else on the standard error.

mod stream;
mod table;
mod text;

use std::io::{self, BufRead as _, IsTerminal as _, Read as _};

use indicatif::ProgressBar;
use serde::Serialize;

pub(crate) use stream::LogStream;
pub(super) use table::{Stacked, fitting, table};
pub(super) use text::one_line;

use super::Failure;
use stream::{write_stderr, write_stdout};
use text::{escaped, plain};

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
            write_stdout(&(plain(line.as_ref()) + "\n"));
        }
    }

    /// Prints the result as one JSON object, in JSON mode.
    pub(crate) fn object(self, object: &impl Serialize) {
        if self.json {
            match serde_json::to_string(object) {
                Ok(line) => write_stdout(&(escaped(&line) + "\n")),
                Err(error) => stream::lose(error.into()),
            }
        }
    }

    /// Says something that is good to know.
    pub(crate) fn note(self, line: impl AsRef<str>) {
        if !self.quiet {
            Self::attention(line);
        }
    }

    /// Says something without which a person cannot decide what to do: even when told to be quiet.
    pub(crate) fn attention(line: impl AsRef<str>) {
        write_stderr(&(plain(line.as_ref()) + "\n"));
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
        write_stderr(&format!("{label} {}\n", plain(line)));
    }

    /// Asks a question; anything but a yes is a no. `None` when there is nobody to ask.
    pub(crate) fn ask(self, question: &str) -> Option<bool> {
        if self.json || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return None;
        }
        write_stderr(&format!("{} [y/N] ", plain(question)));
        let mut answer = String::new();
        let read = io::stdin().lock().read_line(&mut answer);
        Some(read.is_ok() && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
    }

    /// Asks on the standard output, as the original does, and reads the answer from the standard
    /// input, also when that is a pipe. Empty when there is none.
    pub(crate) fn ask_on_stdout(question: &str) -> String {
        write_stdout(&plain(question));
        let mut answer = String::new();
        match io::stdin().lock().take(ANSWER).read_line(&mut answer) {
            Ok(_) => answer.trim().to_owned(),
            Err(_unreadable) => String::new(),
        }
    }

    /// Whether what is printed reaches nobody any more: a reason to stop printing.
    pub(crate) fn is_lost() -> bool {
        stream::is_lost()
    }

    /// Makes sure that all of the result has been handed over so far, before something is committed
    /// that cannot be shown again.
    pub(crate) fn delivered() -> Result<(), Failure> {
        stream::why_not_delivered().map_or(Ok(()), |error| {
            Err(Failure::Failed(format!(
                "the standard output cannot be written ({error}); nothing was changed"
            )))
        })
    }

    /// Ends a command that went well: not if somebody who wanted to read its result did not get it.
    pub(crate) fn finish(what_stays: &str) -> Result<(), Failure> {
        stream::why_lost().map_or(Ok(()), |error| {
            Err(Failure::Failed(format!(
                "the standard output could not be written, or not to its end ({error}).\n{what_stays}"
            )))
        })
    }

    /// Shows a bar that lines are printed above, on a terminal.
    pub(crate) fn show_bar(bar: ProgressBar) {
        stream::show_bar(bar);
    }

    /// Clears the bar.
    pub(crate) fn take_bar_away() {
        stream::take_bar_away();
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
}
