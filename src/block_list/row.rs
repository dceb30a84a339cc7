//! Row of a list, before anybody has decided about it.

use std::fmt;

use super::severity::Severity;

/// Place of a row in its file, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// Line of a text.
    Line(usize),
    /// Entry of a JSON list or object.
    Entry(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(number) => write!(f, "line {number}"),
            Self::Entry(number) => write!(f, "entry {number}"),
        }
    }
}

/// What a row says about the severity of its block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stated {
    /// The file has no severities.
    Nothing,
    /// The file has severities, the row has none.
    Empty,
    /// A severity.
    Severity(Severity),
    /// A text that is no severity.
    Unknown(String),
    /// The host is explicitly not blocked.
    NotBlocked,
}

/// Row of a list.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) place: Place,
    /// Host as it is written.
    pub(super) host: String,
    pub(super) severity: Stated,
    /// Comments, each as it is written.
    pub(super) comments: Vec<String>,
    /// Labels or tags.
    pub(super) labels: Vec<String>,
}
