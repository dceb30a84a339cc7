//! The only place that vouches for SQL that is not static text.
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "names of databases, roles and tables cannot be parameters, and these are the tests' own"
)]

use sqlx::AssertSqlSafe;

/// Allows a statement that a test or the project's own commands built. The program itself cannot
/// reach this crate.
pub fn put_together(sql: impl Into<String>) -> AssertSqlSafe<String> {
    AssertSqlSafe(sql.into())
}
