//! What can be wrong with the settings. Each message names the source and what would be accepted.

use std::{fmt, io, path::PathBuf};

use super::origin::Origin;

/// Why the settings cannot be used. Nothing has been done yet when it appears.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    /// The config file is missing or cannot be read.
    #[error(
        "cannot read the config file {} ({named_by}): {source}\nName a file that exists and that this user may read.",
        path.display()
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Who named it: the flag, the variable, or the usual place.
        named_by: &'static str,
        /// The reason of the operating system.
        source: io::Error,
    },
    /// The config file could have been written by anybody.
    #[error(
        "refusing the config file {path}: every user of this machine may write to it (mode {mode:04o})\n\
         Look through it, then run: chmod o-w {path}",
        path = path.display()
    )]
    WorldWritable {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The config file is no TOML.
    #[error("{origin}: line {line}, column {column} is not TOML: {message}")]
    Syntax {
        /// The file.
        origin: Origin,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What the parser expected; never the line itself, which may hold a password.
        message: String,
    },
    /// Keys or values are not accepted: all of them at once.
    #[error("the settings cannot be used, and nothing was done:{}", List(.0))]
    Invalid(Vec<Problem>),
    /// The command needs the database, and nobody said where it is.
    #[error(
        "no database is given\nSet `url` under [database] in the config file, or the environment variable \
         OSTRAKON_DATABASE_URL or DATABASE_URL, to a URL such as \"postgres://ostrakon@localhost/pleroma\"."
    )]
    NoDatabase,
    /// What completes the database's URL, from the environment or from files, cannot be used.
    #[error("database.url cannot be used: {0}\nNothing was done.")]
    Database(String),
    /// The pool is too small for the jobs that the worker would run at once.
    #[error(
        "the worker needs {needed} database connections (worker.concurrency {concurrency} + \
         worker.short_concurrency {short_concurrency} + 3), but database.pool_size is {pool_size}; it was not started\n\
         Set database.pool_size (OSTRAKON_DATABASE_POOL_SIZE) to {needed} or more, or lower the two others."
    )]
    PoolTooSmall {
        /// Long jobs at once.
        concurrency: u32,
        /// Slots for short jobs.
        short_concurrency: u32,
        /// Connections that the worker needs.
        needed: u32,
        /// Connections that it may hold.
        pool_size: u32,
    },
    /// Checked values that still do not fit: a mistake in ostrakon.
    #[error(
        "the settings cannot be put together: {0}\nThis is a mistake in ostrakon; please report it."
    )]
    Internal(String),
}

/// One thing that is wrong, with its source.
#[derive(Debug)]
pub(crate) enum Problem {
    /// A value that its key does not accept.
    Value {
        /// Where it stands.
        origin: Origin,
        /// Its key.
        key: &'static str,
        /// The value as it may be shown.
        found: String,
        /// What would be accepted.
        accepts: String,
    },
    /// A value of which nothing may be shown.
    Unusable {
        /// Where it stands.
        origin: Origin,
        /// Its key.
        key: &'static str,
        /// Why it is not accepted.
        reason: String,
    },
    /// A key or section that does not exist.
    Unknown {
        /// Where it stands.
        origin: Origin,
        /// The key, or the section in brackets.
        name: String,
        /// What may have been meant, or all that there is.
        hint: String,
    },
    /// Two values that do not go together.
    Conflict {
        /// The one to change.
        key: &'static str,
        /// Its value and origin.
        found: String,
        /// What it must fit, and the value and origin of that.
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
