//! What the database's catalogue shows.

use sqlx::{FromRow, PgConnection};

use crate::migrations::{Migrations, applied_migrations};

use super::{
    DIALECTS, Dialect,
    detect::{ProbeError, list, signs_of_refused},
};

/// Objects found in the catalogue.
#[derive(FromRow)]
pub(super) struct Catalogue {
    /// Missing objects that every server known to ostrakon has.
    missing: Vec<String>,
    found: Vec<String>,
    oban_version: Option<String>,
    /// Migrations that had been applied before the rest was read.
    #[sqlx(skip)]
    pub(super) migrations: Migrations,
}

/// Columns that were renamed within a dialect, and the table that came within one: every statement
/// that names one of them asks first.
pub(super) const IS_LOCKED: &str = "users.is_locked";
pub(super) const LOCKED: &str = "users.locked";
pub(super) const IS_DISCOVERABLE: &str = "users.is_discoverable";
pub(super) const DISCOVERABLE: &str = "users.discoverable";
pub(super) const FOLLOWED_HASHTAGS: &str = "user_follows_hashtag";

/// Beginning of a sign that is a migration; its version follows.
const MIGRATION: &str = "migration ";

impl Catalogue {
    /// Looks for the signs of all dialects.
    pub(super) async fn read(db: &mut PgConnection) -> Result<Self, ProbeError> {
        let signs =
            DIALECTS.iter().flat_map(|dialect| dialect.present.iter().chain(dialect.absent));
        let mut names: Vec<&str> = signs.copied().collect();
        names.extend(signs_of_refused());
        names.extend([IS_LOCKED, LOCKED, IS_DISCOVERABLE, DISCOVERABLE, FOLLOWED_HASHTAGS]);
        names.sort_unstable();
        names.dedup();
        let found = Self::of(db, &names).await?;
        if !found.missing.is_empty() {
            return Err(ProbeError::Unknown { found: format!("no {}", list(&found.missing)) });
        }
        Ok(found)
    }

    /// Looks for objects by the names that signs have.
    pub(super) async fn of(db: &mut PgConnection, names: &[impl AsRef<str>]) -> sqlx::Result<Self> {
        let names = names.iter().map(AsRef::as_ref);
        let (migrations, objects): (Vec<&str>, Vec<&str>) =
            names.partition(|name| name.starts_with(MIGRATION));
        // First: a migration that ends meanwhile is noticed later.
        let applied = applied_migrations(&mut *db).await?;
        let mut found: Self =
            sqlx::query_as(include_str!("catalogue.sql")).bind(objects).fetch_one(db).await?;
        let is_applied = |name: &&str| {
            let version = name.strip_prefix(MIGRATION).and_then(|version| version.parse().ok());
            version.is_some_and(|version| applied.contains(version))
        };
        found.found.extend(migrations.into_iter().filter(is_applied).map(str::to_owned));
        found.migrations = applied;
        Ok(found)
    }

    /// Whether an object is there, by its name among the signs.
    pub(super) fn has(&self, name: &str) -> bool {
        self.found.iter().any(|found| found == name)
    }

    /// Migrations that are newer than a dialect's newest one: the version of the newest of them.
    pub(super) fn newer_than(&self, dialect: &Dialect) -> Option<i64> {
        self.migrations.newest().filter(|newest| *newest > dialect.newest_migration)
    }

    /// Version of the table `oban_jobs`, if it has one.
    pub(super) fn oban_version(&self) -> Option<&str> {
        self.oban_version.as_deref()
    }
}
