//! Severities of blocks, in Mastodon's words.

use super::row::Stated;

/// Severity of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    /// Nothing of the host is accepted.
    Suspend,
    /// Its posts are hidden from those who do not follow their authors.
    Silence,
    /// Only its media or reports are rejected.
    Noop,
}

impl Severity {
    /// Parses a severity, in any case. `limit` and `reject` are the words of other programs.
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "suspend" | "reject" => Some(Self::Suspend),
            "silence" | "limit" => Some(Self::Silence),
            "noop" | "none" => Some(Self::Noop),
            _ => None,
        }
    }

    /// What a field of a file states.
    pub(super) fn stated(field: &str) -> Stated {
        match (Self::parse(field), field.trim()) {
            (Some(severity), _) => Stated::Severity(severity),
            (None, "") => Stated::Empty,
            (None, unknown) => Stated::Unknown(unknown.to_owned()),
        }
    }
}

/// Severities of the rows to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Severities {
    /// Rows with `suspend`.
    pub(crate) suspend: bool,
    /// Rows with `silence`.
    pub(crate) silence: bool,
    /// Rows with `noop`.
    pub(crate) noop: bool,
    /// Rows whose severity is empty, in a file that has severities.
    pub(crate) empty: bool,
}

impl Severities {
    /// All rows.
    pub(crate) const ANY: Self = Self { suspend: true, silence: true, noop: true, empty: true };

    pub(super) const fn include(self, severity: Severity) -> bool {
        match severity {
            Severity::Suspend => self.suspend,
            Severity::Silence => self.silence,
            Severity::Noop => self.noop,
        }
    }
}

impl Default for Severities {
    fn default() -> Self {
        Self { suspend: true, silence: false, noop: false, empty: false }
    }
}
