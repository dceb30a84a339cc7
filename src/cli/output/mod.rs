//! The only folder that prints: results to standard output, everything else to standard error.

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

/// Maximum length of an answer, in bytes; the rest is ignored.
const ANSWER: u64 = 1024;

/// Output settings of a command.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Output {
    /// One JSON object per line instead of text.
    pub(crate) json: bool,
    /// Results, warnings and errors only.
    pub(crate) quiet: bool,
    /// Colours on standard error.
    pub(crate) color: bool,
}

impl Output {
    /// Prints a line of the result. Does nothing in JSON mode, where [`Output::object`] prints it.
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

    /// Prints helpful information, unless `--quiet` is set.
    pub(crate) fn note(self, line: impl AsRef<str>) {
        if !self.quiet {
            Self::attention(line);
        }
    }

    /// Prints what the user needs for a decision, even with `--quiet`.
    pub(crate) fn attention(line: impl AsRef<str>) {
        write_stderr(&(plain(line.as_ref()) + "\n"));
    }

    /// Prints a warning, even with `--quiet`.
    pub(crate) fn warning(self, line: impl AsRef<str>) {
        self.labelled("warning", "33", line.as_ref());
    }

    /// Prints why a command failed.
    pub(crate) fn error(self, line: impl AsRef<str>) {
        self.labelled("error", "31", line.as_ref());
    }

    fn labelled(self, label: &str, ansi: &str, line: &str) {
        let label =
            if self.color { format!("\x1b[1;{ansi}m{label}:\x1b[0m") } else { format!("{label}:") };
        write_stderr(&format!("{label} {}\n", plain(line)));
    }

    /// Asks a question; anything but a yes is a no. `None` without a terminal or in JSON mode.
    pub(crate) fn ask(self, question: &str) -> Option<bool> {
        if self.json || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return None;
        }
        write_stderr(&format!("{} [y/N] ", plain(question)));
        let mut answer = String::new();
        let read = io::stdin().lock().read_line(&mut answer);
        Some(read.is_ok() && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
    }

    /// Asks for a number; any other answer is a no. `None` without a terminal or in JSON mode.
    pub(crate) fn ask_number(self, question: &str, number: i64) -> Option<bool> {
        if self.json || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return None;
        }
        write_stderr(&format!("{} ", plain(question)));
        let mut answer = String::new();
        let read = io::stdin().lock().read_line(&mut answer);
        let typed = answer.trim().replace(',', "").parse::<i64>();
        Some(read.is_ok() && typed == Ok(number))
    }

    /// Asks on standard output, as the original does, and reads the answer from standard input,
    /// which may be a pipe. Returns an empty string if there is no answer.
    pub(crate) fn ask_on_stdout(question: &str) -> String {
        write_stdout(&plain(question));
        let mut answer = String::new();
        match io::stdin().lock().take(ANSWER).read_line(&mut answer) {
            Ok(_) => answer.trim().to_owned(),
            Err(_unreadable) => String::new(),
        }
    }

    /// Whether output can no longer be delivered: a reason to stop printing.
    pub(crate) fn is_lost() -> bool {
        stream::is_lost()
    }

    /// Checks that all output so far was delivered, before the commit of something that cannot be
    /// shown again.
    pub(crate) fn delivered() -> Result<(), Failure> {
        stream::why_not_delivered().map_or(Ok(()), |error| {
            Err(Failure::Failed(format!(
                "the standard output cannot be written ({error}); nothing was changed"
            )))
        })
    }

    /// Ends a successful command. Fails if part of the result could not be written, unless the
    /// reader closed the pipe.
    pub(crate) fn finish(what_stays: &str) -> Result<(), Failure> {
        stream::why_lost().map_or(Ok(()), |error| {
            Err(Failure::Failed(format!(
                "the standard output could not be written completely ({error}).\n{what_stays}"
            )))
        })
    }

    /// Shows a progress bar on a terminal; lines are printed above it.
    pub(crate) fn show_bar(bar: ProgressBar) {
        stream::show_bar(bar);
    }

    /// Removes the progress bar.
    pub(crate) fn take_bar_away() {
        stream::take_bar_away();
    }

    /// Whether a user sees what is printed: both streams are terminals, and not in JSON mode.
    pub(crate) fn is_watched(self) -> bool {
        !self.json && io::stdout().is_terminal() && io::stderr().is_terminal()
    }

    /// Whether to show a moving progress bar.
    pub(crate) fn is_live(self) -> bool {
        !self.quiet && io::stderr().is_terminal()
    }
}
