//! Reasons why a file is not accepted.

use serde::{Serialize, Serializer};

use super::Place;
use crate::numbers::counted;

/// Maximum number of rows that an error names.
pub(super) const NAMED_MAX: usize = 20;

/// Reason why a file is not accepted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Problem of the file as a whole, as the end of a sentence that begins with its name.
    File(String),
    /// Problems of individual rows.
    Rows(Bad),
}

/// Rejected rows. Their number is limited only by the size of the file.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Bad {
    /// First rejected rows, each with its place and the reason.
    pub(super) first: Vec<(Place, String)>,
    /// Number of further rejected rows.
    pub(super) more: i64,
    /// Whether the operator can leave such rows out.
    pub(super) can_be_skipped: bool,
}

impl Bad {
    /// Adds a row.
    pub(crate) fn push(&mut self, place: Place, reason: String) {
        if self.first.len() < NAMED_MAX {
            self.first.push((place, reason));
        } else {
            self.more += 1;
        }
    }

    /// Whether no row is rejected.
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    /// Lines that name the first rows and count the others.
    pub(crate) fn lines(&self) -> Vec<String> {
        let named = self.first.iter().map(|(place, reason)| format!("  {place}: {reason}"));
        let mut lines: Vec<String> = named.collect();
        if self.more > 0 {
            lines.push(format!("  and {}", counted(self.more, "more lines")));
        }
        lines
    }

    /// Error message that names the rejected rows of a file.
    pub(crate) fn tell(&self, named: &str) -> String {
        let mut lines = self.lines();
        if self.can_be_skipped {
            lines.push("Correct the file, or leave such lines out with --skip-invalid.".to_owned());
        }
        format!("{named} is not accepted:\n{}\nNothing was queued.", lines.join("\n"))
    }
}

/// Serialises the first rejected rows, each as `line 3: why`.
pub(super) fn as_list<S: Serializer>(bad: &Bad, serializer: S) -> Result<S::Ok, S::Error> {
    let lines: Vec<String> =
        bad.first.iter().map(|(place, reason)| format!("{place}: {reason}")).collect();
    lines.serialize(serializer)
}
