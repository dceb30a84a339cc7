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
    /// A statement took longer than it may, or needed more memory than there is. Passes by itself, or is due
    /// to one item: tried again in smaller batches, and parked where it is a single item that never gets
    /// through.
    #[error("{error:#}")]
    Stuck {
        /// What went wrong.
        error: anyhow::Error,
        /// PostgreSQL's code for it.
        sqlstate: String,
    },
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
    /// The same, where it was met outside of a batch: no item is to blame then.
    pub(super) fn of_no_item(self) -> Self {
        match self {
            Self::Stuck { error, .. } => Self::Retry(error),
            Self::Row { error, .. } => Self::Fail(error),
            other => other,
        }
    }

    /// Makes a failure that ends the run.
    pub fn fail(message: impl Into<String>) -> Self {
        Self::Fail(anyhow::Error::msg(message.into()))
    }
}

/// The one place where an SQLSTATE decides between trying again, parking a row and giving up.
impl From<SqlxError> for JobError {
    fn from(error: SqlxError) -> Self {
        let (sqlstate, reported) = match &error {
            SqlxError::Database(database) => {
                (database.code().map(std::borrow::Cow::into_owned), reported(database.as_ref()))
            }
            SqlxError::ColumnDecode { .. } | SqlxError::Decode(_) => {
                return Self::Row { error: error.into(), sqlstate: None };
            }
            // Everything else that sqlx reports is about the connection or the pool.
            _ => return Self::Retry(error.into()),
        };
        let (error, in_function) = reported;
        match (sqlstate.as_deref().map_or(Remedy::Park, remedy), sqlstate) {
            (Remedy::GiveWay, _) => Self::GaveWay(error),
            (Remedy::Shrink, Some(sqlstate)) => Self::Stuck { error, sqlstate },
            (Remedy::Retry | Remedy::Shrink, _) => Self::Retry(error),
            (Remedy::Fail, _) => Self::Fail(error),
            // What a statement of ours names is missing for every row alike.
            (Remedy::ParkInFunction, _) if !in_function => Self::Fail(error),
            (Remedy::Park | Remedy::ParkInFunction, sqlstate) => Self::Row { error, sqlstate },
        }
    }
}

/// PostgreSQL's own words, without sqlx's around them, and where in a function it happened, if it was in
/// one: the server's trigger is not to be taken for a statement of ours.
fn reported(error: &dyn DatabaseError) -> (anyhow::Error, bool) {
    let place = error
        .try_downcast_ref::<PgDatabaseError>()
        .and_then(PgDatabaseError::r#where)
        .and_then(|place| place.lines().find(|line| line.contains("function")));
    let in_function = place.is_some();
    let place = place.map_or_else(String::new, |place| format!(" (in {place})"));
    (anyhow::Error::msg(format!("PostgreSQL said: {}{place}", error.message())), in_function)
}

/// PostgreSQL's codes for the two time-outs of a batch.
pub(super) const LOCK_TIMEOUT: &str = "55P03";
pub(super) const STATEMENT_TIMEOUT: &str = "57014";

/// Whether a statement ended because a lock was not to be had in time.
pub(super) fn waited_in_vain(error: &SqlxError) -> bool {
    error.as_database_error().and_then(DatabaseError::code).as_deref() == Some(LOCK_TIMEOUT)
}

#[derive(Debug, PartialEq, Eq)]
enum Remedy {
    Retry,
    GiveWay,
    /// Again, with fewer items.
    Shrink,
    Park,
    /// Park it if it was met in a function, where a row may lead to it; else it is everybody's.
    ParkInFunction,
    Fail,
}

/// Says what helps against an SQLSTATE (PostgreSQL's documentation, appendix A).
fn remedy(sqlstate: &str) -> Remedy {
    match sqlstate {
        // Lock not available, deadlock, serialization failure.
        LOCK_TIMEOUT | "40P01" | "40001" => Remedy::GiveWay,
        // Out of memory; cancelled, by the time-out as a rule.
        "53200" | STATEMENT_TIMEOUT => Remedy::Shrink,
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
        // Undefined column, type, schema and the like; a table that is not in the state it should be in.
        code if ["42", "3F"].iter().any(|class| code.starts_with(class)) => Remedy::ParkInFunction,
        "55000" => Remedy::ParkInFunction,
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
        for state in ["08006", "40003", "53100", "53300", "57P01", "25006"] {
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
    fn what_takes_too_much_is_tried_with_fewer_items() {
        for state in ["53200", "57014"] {
            assert_eq!(remedy(state), Remedy::Shrink, "{state}");
        }
    }

    #[test]
    fn what_is_not_there_is_a_rows_doing_only_within_a_function() {
        for state in ["42703", "42704", "3F000", "55000"] {
            assert_eq!(remedy(state), Remedy::ParkInFunction, "{state}");
        }
    }

    #[test]
    fn states_of_a_row_are_parked() {
        for state in ["22P02", "23503", "23505", "P0001"] {
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
