//! Failures of a command, with their exit codes.

use std::process::ExitCode;

use ostrakon_engine::{JobError, Status, ledger::ControlError};

use crate::settings::SettingsError;
use ostrakon_queue::QueueError;
use ostrakon_server::OnlyRead;

/// Reason why a command did not do what was requested.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The attempt went wrong. Exit code 1.
    #[error("{0}")]
    Failed(String),
    /// The command line or the configuration is invalid. Exit code 2.
    #[error("{0}")]
    Usage(String),
    /// No such account or run exists. Exit code 3. Printed without a label: the text begins with
    /// the original's line, which scripts look for.
    #[error("{0}")]
    NotFound(String),
    /// The action is not allowed, or the user declined. Exit code 4.
    #[error("{0}")]
    Refused(String),
    /// An unfinished run conflicts with this one. Exit code 5.
    #[error("run {id} ({job}) is already {status}; {}", next_step(id, *status))]
    AlreadyQueued {
        /// ULID of the unfinished run.
        id: String,
        /// Job of the unfinished run.
        job: String,
        /// Status of the unfinished run.
        status: Status,
    },
    /// The run is incomplete: it finished, but some items are parked. Exit code 6.
    #[error("{0}")]
    Parked(String),
    /// `--wait-timeout` expired. Exit code 7.
    #[error("{0}")]
    TimedOut(String),
    /// PostgreSQL or Redis is unreachable. Exit code 8.
    #[error("{0}")]
    Unreachable(String),
    /// Ctrl-C. Exit code 130, as in shells.
    #[error("{0}")]
    Interrupted(String),
}

impl Failure {
    /// Exit code of the process.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::NotFound(_) => 3,
            Self::Refused(_) => 4,
            Self::AlreadyQueued { .. } => 5,
            Self::Parked(_) => 6,
            Self::TimedOut(_) => 7,
            Self::Unreachable(_) => 8,
            Self::Interrupted(_) => 130,
        })
    }

    /// Appends a line to `Failed` and `Unreachable`; returns other failures unchanged.
    pub(crate) fn and(self, line: &str) -> Self {
        match self {
            Self::Failed(text) => Self::Failed(format!("{text}\n{line}")),
            Self::Unreachable(text) => Self::Unreachable(format!("{text}\n{line}")),
            other => other,
        }
    }

    /// PostgreSQL was unreachable, or rejected the connection.
    pub(crate) fn postgres(address: &str, error: &sqlx::Error) -> Self {
        let sqlstate = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        let (what, hint) = match sqlstate.as_deref() {
            Some("28P01" | "28000") => {
                ("refused the login", "check the user and password in database.url")
            }
            Some("3D000") => {
                ("refused the login", "check the name of the database in database.url")
            }
            Some("53300") => ("has no connection free", "try again, or raise max_connections"),
            Some("57P03") => ("is starting or stopping", "try again in a moment"),
            Some(_) => ("refused the connection", "check database.url"),
            None => ("is not reachable", "is it running, and is database.url right?"),
        };
        let reason = reason(error);
        Self::Unreachable(format!(
            "PostgreSQL at {address} {what} ({reason}); {hint}\nNothing was changed."
        ))
    }
}

/// Advice for a run that conflicts with an unfinished one.
fn next_step(id: &str, status: Status) -> String {
    match status {
        Status::Paused => format!("resume it with: ostrakon runs resume {id}"),
        _ => format!("follow it with: ostrakon runs watch {id}"),
    }
}

/// Whether the cause was a lock or statement timeout, or a resolved deadlock.
fn gave_up_waiting(error: &sqlx::Error) -> bool {
    matches!(sqlstate(error).as_deref(), Some("55P03" | "57014" | "40P01"))
}

/// SQLSTATE of an error.
fn sqlstate(error: &sqlx::Error) -> Option<String> {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.map(std::borrow::Cow::into_owned)
}

/// Whether PostgreSQL is starting or stopping, or has no free connection.
fn lets_nobody_in(error: &sqlx::Error) -> bool {
    matches!(sqlstate(error).as_deref(), Some("53300" | "57P01" | "57P02" | "57P03"))
}

/// Whether the role of `database.url` lacks a privilege.
fn lacks_a_right(error: &sqlx::Error) -> bool {
    sqlstate(error).as_deref() == Some("42501")
}

/// Innermost cause of an error, without sqlx's own wording around it.
pub(crate) fn reason(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        sqlx::Error::Io(error) => error.to_string(),
        other => other.to_string().replace("error with configuration: ", ""),
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::Tls(_) => Self::Unreachable(format!(
                "the connection to PostgreSQL was lost ({}); what was committed stays",
                reason(&error)
            )),
            _ if lets_nobody_in(&error) => Self::Unreachable(format!(
                "PostgreSQL accepts no connections for now ({}); what was committed stays, try \
                 again in a moment",
                reason(&error)
            )),
            _ if lacks_a_right(&error) => Self::Failed(format!(
                "PostgreSQL said: {}; nothing was changed\nGrant the role its rights: run the \
                 output of ostrakon migrate --print-grants as the owner of the database.",
                reason(&error)
            )),
            _ if sqlstate(&error).as_deref() == Some("25006") => Self::Refused(format!(
                "PostgreSQL allows ostrakon only to read ({}); nothing was changed\nIt is a \
                 standby, or default_transaction_read_only is on. Point database.url to the \
                 primary, or list all hosts in it with target_session_attrs=read-write.",
                reason(&error)
            )),
            _ if gave_up_waiting(&error) => Self::Failed(format!(
                "the server holds a lock on a needed row ({}); nothing was changed, try again in a \
                 moment",
                reason(&error)
            )),
            _ => Self::Failed(format!("PostgreSQL said: {}", reason(&error))),
        }
    }
}

impl From<OnlyRead> for Failure {
    fn from(only_read: OnlyRead) -> Self {
        Self::Refused(only_read.to_string())
    }
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<QueueError> for Failure {
    fn from(error: QueueError) -> Self {
        if error.is_unreachable() || matches!(error, QueueError::Login { .. }) {
            Self::Unreachable(error.to_string())
        } else if matches!(error, QueueError::Url { .. } | QueueError::Settings { .. }) {
            Self::Usage(format!("{error}\nNothing was done."))
        } else {
            Self::Failed(error.to_string())
        }
    }
}

impl From<ControlError> for Failure {
    fn from(error: ControlError) -> Self {
        match &error {
            ControlError::Unknown(_) => {
                return Self::NotFound(format!("{error}; list them with: ostrakon runs list"));
            }
            ControlError::Status { id, status: Status::Paused, verb: "tried again" } => {
                return Self::Refused(format!("{error}; resume it: ostrakon runs resume {id}"));
            }
            ControlError::Status {
                id,
                status: Status::Incomplete | Status::Failed | Status::Cancelled,
                verb: "resumed",
            } => return Self::Refused(format!("{error}; retry it: ostrakon runs retry {id}")),
            ControlError::Status { status: Status::Succeeded, verb: "tried again", .. } => {
                return Self::Refused(format!("{error}; nothing of it is left"));
            }
            _ => {}
        }
        match error {
            ControlError::Database(error) => error.into(),
            refused => Self::Refused(refused.to_string()),
        }
    }
}

impl From<JobError> for Failure {
    fn from(error: JobError) -> Self {
        match error {
            JobError::Refuse(reason) => Self::Refused(reason),
            JobError::GaveWay(error) => Self::Failed(format!(
                "the server holds a lock on a needed row ({error:#}); nothing was changed, try \
                 again in a moment"
            )),
            other => Self::Failed(other.to_string()),
        }
    }
}
