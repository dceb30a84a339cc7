//! Privileges of a role that runs ostrakon and owns nothing.

mod ledger;

use sqlx::PgConnection;

use ledger::LEDGER;
use ostrakon_server::{Dialect, Right};

/// Writes the GRANTs that `role` needs for everything ostrakon does in this database, and nothing
/// more, one statement per line. Reads the catalogue and changes nothing.
///
/// Skips tables and columns that this database does not have, and privileges that PUBLIC has
/// anyway. The role need not exist; the ledger must.
pub async fn grants(
    db: &mut PgConnection,
    dialect: &Dialect,
    role: &str,
) -> sqlx::Result<Vec<String>> {
    let rights: Vec<&Right> = LEDGER.iter().chain(dialect.rights()).collect();
    sqlx::query_scalar(include_str!("render.sql"))
        .bind(role)
        .bind(rights.iter().map(|right| right.table).collect::<Vec<_>>())
        .bind(rights.iter().map(|right| right.privilege).collect::<Vec<_>>())
        .bind(rights.iter().map(|right| right.columns).collect::<Vec<_>>())
        .fetch_all(db)
        .await
}
