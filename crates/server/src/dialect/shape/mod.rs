//! What ostrakon's statements touch of a database, compared with the releases that are known.
//!
//! A release that is newer than the newest known one may have changed anything. What it changed
//! elsewhere does not matter here; a column, an index, a constraint, a trigger or a function that
//! the statements depend on does (docs/semantics.md 9.2).

mod known;
#[cfg(test)]
mod tests;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use sqlx::{FromRow, PgConnection};

use self::known::{Known, is_of_rum_search};
use super::Dialect;

/// Digests of the bodies of the server's functions, without white space: as the original's
/// migrations 20190124131141, 20200508092434 and 20220807125023 define them, and as the test kit
/// does, whose functions are our own.
const BODIES: &[&str] = &[
    // activity_visibility
    "a67e789b62ca4403",
    "08f78ed683f86890",
    // update_status_visibility_counter_cache
    "3e6b9fa89a404a1c",
    "9cee9f5917d4a96b",
    // associated_object_id
    "35546b520307c8ea",
    "d0ce9ef85a244d2e",
];

/// Object of the database that the statements touch.
#[derive(Debug, FromRow)]
struct Object {
    /// Its description.
    line: String,
    /// Whether it changes nothing for the statements if no known release has it.
    is_harmless: bool,
}

/// How a database differs from the releases that are known, in what the statements touch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Differences {
    /// Objects that no known release has, and those that every known one has and this does not.
    lines: Vec<String>,
}

impl Differences {
    /// Compares a database with the releases of its dialect.
    pub(super) async fn find(db: &mut PgConnection, dialect: &Dialect) -> sqlx::Result<Self> {
        let found = objects(db, dialect).await?;
        let known = Known::of(dialect);
        let is_known = |object: &&Object| known.has(&object.line) || is_of_rum_search(&object.line);
        let unknown = found.iter().filter(|object| !object.is_harmless && !is_known(object));
        let missing =
            known.everywhere().filter(|line| found.iter().all(|object| object.line != *line));
        let lines = unknown.map(|object| format!("unknown: {}", object.line));
        Ok(Self { lines: lines.chain(missing.map(|line| format!("missing: {line}"))).collect() })
    }

    /// Adds a difference that was found elsewhere.
    pub(super) fn add(&mut self, line: String) {
        self.lines.push(line);
    }

    /// Each difference, in words.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// Name of exactly these differences, for `server.accept_unknown`.
    pub fn fingerprint(&self) -> String {
        let digest = Sha256::digest(self.lines.join("\n"));
        BASE64_URL_SAFE_NO_PAD.encode(digest.get(..12).unwrap_or_default())
    }
}

/// Lists what the statements for a dialect touch in a database, one line for each object.
async fn objects(db: &mut PgConnection, dialect: &Dialect) -> sqlx::Result<Vec<Object>> {
    let rights: Vec<_> = dialect.rights().collect();
    let written = rights.iter().filter(|right| matches!(right.privilege, "insert" | "update"));
    let named = rights
        .iter()
        .flat_map(|right| right.columns.split_whitespace().map(|column| (right.table, column)));
    let (tables, columns): (Vec<_>, Vec<_>) = named.unzip();
    sqlx::query_as(include_str!("objects.sql"))
        .bind(rights.iter().map(|right| right.table).collect::<Vec<_>>())
        .bind(written.map(|right| right.table).collect::<Vec<_>>())
        .bind(tables)
        .bind(columns)
        .bind(BODIES)
        .fetch_all(db)
        .await
}
