//! The one place that vouches for SQL that is not static text.
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "names of databases, roles and tables cannot be parameters, and these are the tests' own"
)]

use sqlx::AssertSqlSafe;

/// Lets a statement through that a test or the project's own commands put together. The program
/// itself has no way to this crate.
pub fn put_together(sql: impl Into<String>) -> AssertSqlSafe<String> {
    AssertSqlSafe(sql.into())
}
