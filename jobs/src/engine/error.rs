//! Why a batch did not succeed, and what the loop does about it.

use sqlx::{
    error::{DatabaseError, Error as SqlxError},
    postgres::PgDatabaseError,
};

/// A failure of a job, sorted by what helps against it.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// Passes by itself: a lost connection, a server that restarts. Tried again later.
    #[error("{0:#}")]
    Retry(anyhow::Error),
    /// Somebody else was at the same rows, and went first. Tried again soon, and in smaller batches.
    #[error("{0:#}")]
    GaveWay(anyhow::Error),
    /// Caused by the data of one row. The batch is split down to that row, which is parked.
    #[error("{error:#}")]
    Row {
        /// What went wrong.
        error: anyhow::Error,
        /// The SQLSTATE, when PostgreSQL named one.
        sqlstate: Option<String>,
    },
    /// Nothing that waiting or splitting would mend: missing rights, a table that is not there.
    #[error("{0:#}")]
    Fail(anyhow::Error),
    /// The job must not be done at all; the text tells a person why, and what to do instead.
    #[error("{0}")]
    Refuse(String),
    /// Begun by a newer version, in a way that this one cannot go on with. Left to that version.
    #[error("{0}")]
    Newer(String),
}

impl JobError {
    /// Makes a failure that ends the run.
    pub fn fail(message: impl Into<String>) -> Self {
        Self::Fail(anyhow::Error::msg(message.into()))
    }
}

/// The one place where an SQLSTATE decides between trying again, parking a row and giving up.
impl From<SqlxError> for JobError {
    fn from(error: SqlxError) -> Self {
        let (sqlstate, told) = match &error {
            SqlxError::Database(database) => {
                (database.code().map(std::borrow::Cow::into_owned), told(database.as_ref()))
            }
            SqlxError::ColumnDecode { .. } | SqlxError::Decode(_) => {
                return Self::Row { error: error.into(), sqlstate: None };
            }
            // Everything else that sqlx reports is about the connection or the pool.
            _ => return Self::Retry(error.into()),
        };
        match sqlstate.as_deref().map_or(Remedy::Park, remedy) {
            Remedy::Retry => Self::Retry(told),
            Remedy::GiveWay => Self::GaveWay(told),
            Remedy::Fail => Self::Fail(told),
            Remedy::Park => Self::Row { error: told, sqlstate },
        }
    }
}

/// PostgreSQL's own words, without sqlx's around them, and where in a function it happened: the
/// server's trigger is not to be taken for a statement of ours.
fn told(error: &dyn DatabaseError) -> anyhow::Error {
    let place = error
        .try_downcast_ref::<PgDatabaseError>()
        .and_then(PgDatabaseError::r#where)
        .and_then(|place| place.lines().find(|line| line.contains("function")))
        .map_or_else(String::new, |place| format!(" (in {place})"));
    anyhow::Error::msg(format!("PostgreSQL said: {}{place}", error.message()))
}

/// Whether a statement ended because a lock was not to be had in time.
pub(super) fn waited_in_vain(error: &SqlxError) -> bool {
    error.as_database_error().and_then(DatabaseError::code).as_deref() == Some("55P03")
}

#[derive(Debug, PartialEq, Eq)]
enum Remedy {
    Retry,
    GiveWay,
    Park,
    Fail,
}

/// Says what helps against an SQLSTATE (PostgreSQL's documentation, appendix A).
fn remedy(sqlstate: &str) -> Remedy {
    match sqlstate {
        // Lock not available, deadlock, serialization failure.
        "55P03" | "40P01" | "40001" => Remedy::GiveWay,
        // Connection, transaction rollback, insufficient resources, operator intervention, system
        // error.
        code if ["08", "40", "53", "57", "58"].iter().any(|class| code.starts_with(class)) => {
            Remedy::Retry
        }
        // Object in use; read-only transaction (a fail-over under way).
        "55006" | "25006" => Remedy::Retry,
        // Wrong password, no such database, feature not there, no right, undefined table/function,
        // syntax: the same for every row.
        code if ["28", "3D", "0A"].iter().any(|class| code.starts_with(class)) => Remedy::Fail,
        "42501" | "42P01" | "42883" | "42601" => Remedy::Fail,
        // The data of some row: constraint, cast, a trigger's complaint (even an undefined column
        // inside a trigger, docs/semantics.md 1.7).
        _ => Remedy::Park,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transient_states_are_retried() {
        for state in ["08006", "40003", "53300", "57014", "57P01", "25006"] {
            assert_eq!(remedy(state), Remedy::Retry, "{state}");
        }
    }

    #[test]
    fn others_who_are_at_the_same_rows_go_first() {
        for state in ["40001", "40P01", "55P03"] {
            assert_eq!(remedy(state), Remedy::GiveWay, "{state}");
        }
    }

    #[test]
    fn states_of_a_row_are_parked() {
        for state in ["22P02", "23503", "23505", "42703", "P0001"] {
            assert_eq!(remedy(state), Remedy::Park, "{state}");
        }
    }

    #[test]
    fn states_that_hold_for_every_row_fail_the_run() {
        for state in ["28P01", "3D000", "42501", "42P01", "42883"] {
            assert_eq!(remedy(state), Remedy::Fail, "{state}");
        }
    }
}
