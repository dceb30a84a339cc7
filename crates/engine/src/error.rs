//! Failures of a batch, and what the loop does about them.

use sqlx::{
    error::{DatabaseError, Error as SqlxError},
    postgres::PgDatabaseError,
};

/// A failure of a job, classified by its remedy.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// Passes by itself: a lost connection, a server that restarts. Retried later.
    #[error("{0:#}")]
    Retry(anyhow::Error),
    /// Another session held the same rows, and goes first. Retried soon, in smaller batches.
    #[error("{0:#}")]
    GaveWay(anyhow::Error),
    /// A statement exceeded its time limit, or needed more memory than there is. Passes by itself,
    /// or is due to one item. Retried in smaller batches; a single item that never gets through is
    /// parked.
    #[error("{error:#}")]
    Stuck {
        /// The failure itself.
        error: anyhow::Error,
        /// SQLSTATE of the failure.
        sqlstate: String,
    },
    /// Caused by the data of one row. The batch is split down to that row, which is parked.
    #[error("{error:#}")]
    Row {
        /// The failure itself.
        error: anyhow::Error,
        /// SQLSTATE of the failure, if PostgreSQL reported one.
        sqlstate: Option<String>,
    },
    /// Not fixed by waiting or splitting: missing rights, a missing table.
    #[error("{0:#}")]
    Fail(anyhow::Error),
    /// The job must not be done at all; the text gives the reason, and what to do instead.
    #[error("{0}")]
    Refuse(String),
    /// Begun by a newer version, in a way that this one cannot continue. Left to that version.
    #[error("{0}")]
    Newer(String),
}

impl JobError {
    /// Converts a failure met outside of a batch: no item is to blame then.
    pub(super) fn of_no_item(self) -> Self {
        match self {
            Self::Stuck { error, .. } => Self::Retry(error),
            Self::Row { error, .. } => Self::Fail(error),
            other => other,
        }
    }

    /// Creates a failure that ends the run.
    pub fn fail(message: impl Into<String>) -> Self {
        Self::Fail(anyhow::Error::msg(message.into()))
    }
}

/// The only place where an SQLSTATE decides between retrying, parking a row and giving up.
impl From<SqlxError> for JobError {
    fn from(error: SqlxError) -> Self {
        let (sqlstate, reported) = match &error {
            SqlxError::Database(database) => {
                (database.code().map(std::borrow::Cow::into_owned), reported(database.as_ref()))
            }
            SqlxError::ColumnDecode { .. } | SqlxError::Decode(_) => {
                return Self::Row { error: error.into(), sqlstate: None };
            }
            // All other errors of sqlx concern the connection or the pool.
            _ => return Self::Retry(error.into()),
        };
        let (error, in_function) = reported;
        match (sqlstate.as_deref().map_or(Remedy::Park, remedy), sqlstate) {
            (Remedy::GiveWay, _) => Self::GaveWay(error),
            (Remedy::Shrink, Some(sqlstate)) => Self::Stuck { error, sqlstate },
            (Remedy::Retry | Remedy::Shrink, _) => Self::Retry(error),
            (Remedy::Fail, _) => Self::Fail(error),
            // What our own statement names is missing for every row alike.
            (Remedy::ParkInFunction, _) if !in_function => Self::Fail(error),
            (Remedy::Park | Remedy::ParkInFunction, sqlstate) => Self::Row { error, sqlstate },
        }
    }
}

/// PostgreSQL's own message, without sqlx's additions, and with the function that raised it, if
/// there was one: the server's trigger must not be taken for a statement of ours.
fn reported(error: &dyn DatabaseError) -> (anyhow::Error, bool) {
    let place = error
        .try_downcast_ref::<PgDatabaseError>()
        .and_then(PgDatabaseError::r#where)
        .and_then(|place| place.lines().find(|line| line.contains("function")));
    let in_function = place.is_some();
    let place = place.map_or_else(String::new, |place| format!(" (in {place})"));
    (anyhow::Error::msg(format!("PostgreSQL said: {}{place}", error.message())), in_function)
}

/// SQLSTATE of a statement that did not get a lock in time.
pub(super) const LOCK_TIMEOUT: &str = "55P03";

/// SQLSTATE of a statement that took longer than it may in a batch.
pub const STATEMENT_TIMEOUT: &str = "57014";

/// Whether a statement failed because it did not get a lock in time.
pub(super) fn waited_in_vain(error: &SqlxError) -> bool {
    error.as_database_error().and_then(DatabaseError::code).as_deref() == Some(LOCK_TIMEOUT)
}

#[derive(Debug, PartialEq, Eq)]
enum Remedy {
    Retry,
    GiveWay,
    /// Retry with fewer items.
    Shrink,
    Park,
    /// Park if it was raised in a function, where a row may be the cause; otherwise it concerns
    /// every row.
    ParkInFunction,
    Fail,
}

/// Remedy for an SQLSTATE (PostgreSQL's documentation, appendix A).
fn remedy(sqlstate: &str) -> Remedy {
    match sqlstate {
        // Lock not available, deadlock, serialization failure.
        LOCK_TIMEOUT | "40P01" | "40001" => Remedy::GiveWay,
        // Out of memory; query cancelled, usually by the time-out.
        "53200" | STATEMENT_TIMEOUT => Remedy::Shrink,
        // Connection, transaction rollback, insufficient resources, operator intervention, system
        // error.
        code if ["08", "40", "53", "57", "58"].iter().any(|class| code.starts_with(class)) => {
            Remedy::Retry
        }
        // Object in use; read-only transaction (a fail-over under way).
        "55006" | "25006" => Remedy::Retry,
        // Wrong password, missing database, unsupported feature, missing right, undefined table or
        // function, syntax error: the same for every row.
        code if ["28", "3D", "0A"].iter().any(|class| code.starts_with(class)) => Remedy::Fail,
        "42501" | "42P01" | "42883" | "42601" => Remedy::Fail,
        // Undefined column, type, schema and the like; a table in the wrong state.
        code if ["42", "3F"].iter().any(|class| code.starts_with(class)) => Remedy::ParkInFunction,
        "55000" => Remedy::ParkInFunction,
        // The data of one row: a constraint, a cast, an exception raised by a trigger (even an
        // undefined column inside a trigger, docs/semantics.md 1.7).
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
