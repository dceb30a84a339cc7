//! Errors in the settings. Each message names the source and what would be accepted.

use std::{fmt, io, path::PathBuf};

use super::origin::Origin;

/// Reason why the settings cannot be used. Reported before anything is done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    /// The config file is missing or cannot be read.
    #[error(
        "cannot read the config file {} ({named_by}): {source}\nName a file that exists and that this user may read.",
        path.display()
    )]
    Unreadable {
        /// Path of the file.
        path: PathBuf,
        /// What named the file: the flag, the variable, or the default path.
        named_by: &'static str,
        /// Error of the operating system.
        source: io::Error,
    },
    /// The config file is writable by every user.
    #[error(
        "refusing the config file {path}: every user of this machine may write to it (mode {mode:04o})\n\
         Look through it, then run: chmod o-w {path}",
        path = path.display()
    )]
    WorldWritable {
        /// Path of the file.
        path: PathBuf,
        /// Permission bits of the file.
        mode: u32,
    },
    /// The config file is not valid TOML.
    #[error("{origin}: line {line}, column {column} is not TOML: {message}")]
    Syntax {
        /// Path of the file.
        origin: Origin,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What the parser expected; never the line itself, which may hold a password.
        message: String,
    },
    /// Keys or values are invalid: all problems together.
    #[error("the settings cannot be used, and nothing was done:{}", List(.0))]
    Invalid(Vec<Problem>),
    /// The command needs the database, but its URL is set nowhere.
    #[error(
        "no database is given\nSet `url` under [database] in the config file, or the environment variable \
         OSTRAKON_DATABASE_URL or DATABASE_URL, to a URL such as \"postgres://ostrakon@localhost/pleroma\"."
    )]
    NoDatabase,
    /// What completes the database's URL, from the environment or from files, is invalid.
    #[error("database.url cannot be used: {0}\nNothing was done.")]
    Database(String),
    /// Checked values do not deserialise: a bug in ostrakon.
    #[error(
        "the settings cannot be put together: {0}\nThis is a mistake in ostrakon; please report it."
    )]
    Internal(String),
}

/// Single problem, with its source.
#[derive(Debug)]
pub(crate) enum Problem {
    /// The key does not accept the value.
    Value {
        /// Source of the value.
        origin: Origin,
        /// Key of the value.
        key: &'static str,
        /// Value as it may be shown.
        found: String,
        /// Accepted values.
        accepts: String,
    },
    /// The value is invalid, and nothing of it may be shown.
    Unusable {
        /// Source of the value.
        origin: Origin,
        /// Key of the value.
        key: &'static str,
        /// Reason why it is not accepted.
        reason: String,
    },
    /// The key or section does not exist.
    Unknown {
        /// Source of the key.
        origin: Origin,
        /// Key, or section in brackets.
        name: String,
        /// Key that may have been meant, or all that exist.
        hint: String,
    },
    /// Two values contradict each other.
    Conflict {
        /// Key to change.
        key: &'static str,
        /// Value and origin of that key.
        found: String,
        /// What it must fit, with the value and origin of the other key.
        limit: String,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value { origin, key, found, accepts } => {
                write!(f, "{origin}: {key} = {found} is not accepted; give {accepts}")
            }
            Self::Unusable { origin, key, reason } => {
                write!(f, "{origin}: {key} is not accepted: {reason}")
            }
            Self::Unknown { origin, name, hint } => {
                write!(f, "{origin}: unknown {name}; {hint}")
            }
            Self::Conflict { key, found, limit } => {
                write!(f, "{key} = {found} does not fit; give {limit}")
            }
        }
    }
}

struct List<'a>(&'a [Problem]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}
