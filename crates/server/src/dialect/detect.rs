//! Recognising the server to which a database belongs, from the catalogue (docs/semantics.md 9.1).
//!
//! ostrakon does not write to a database whose signs contradict each other, that lacks anything
//! that a statement names, or that contains a column of unknown purpose.

use std::cmp::Ordering;

use sqlx::{FromRow, PgConnection};

use crate::migrations::Migrations;

use super::{
    DIALECTS, Dialect,
    catalogue::{Catalogue, DISCOVERABLE, FOLLOWED_HASHTAGS, IS_DISCOVERABLE, IS_LOCKED, LOCKED},
    columns::known_columns,
    rights::{Demand, demands, labels},
    shape::Differences,
};

/// What differs within a dialect.
#[derive(Debug, Clone, Copy)]
pub struct Detected {
    /// Whether accounts can follow hashtags.
    pub followed_hashtags: bool,
    /// Whether `users.is_discoverable` has that name; `users.discoverable` before Pleroma 2.2.50.
    pub is_discoverable: bool,
    /// Whether `users.is_locked` has that name; `users.locked` before Pleroma 2.2.0.
    pub is_locked: bool,
}

/// What a database was recognised as.
#[derive(Debug)]
pub struct Probed {
    /// Server that it belongs to.
    pub dialect: &'static Dialect,
    /// What differs within the dialect.
    pub schema: Detected,
    /// Migrations that had been applied when the database was examined.
    pub migrations: Migrations,
    /// How it differs from the known releases of that server, if it is newer than all of them.
    pub newer: Option<NewerRelease>,
}

/// A release that is newer than those that are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewerRelease {
    /// Version of its newest migration.
    pub migration: i64,
    /// How it differs in what the statements touch.
    pub differences: Differences,
    /// Whether it lacks anything that a statement names: that statement cannot succeed.
    pub lacks: bool,
}

/// Reason why ostrakon does not work on a database.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The database is of no server that this program knows.
    #[error(
        "this is not the database of a server that ostrakon knows ({found}); nothing was written"
    )]
    Unknown {
        /// Signs that were found, or that are missing.
        found: String,
    },
    /// The database could not be queried.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Reads the catalogue, and returns the dialect with what differs within it.
///
/// A release with migrations that no known one has may differ in one sign, and in what the
/// statements touch: it is recognised, and its differences are listed.
///
/// # Errors
/// [`ProbeError::Unknown`] with the first contradiction, or what is missing.
pub async fn probe(db: &mut PgConnection) -> Result<Probed, ProbeError> {
    let found = Catalogue::read(db).await?;
    if let Some(refused) = refused(&found) {
        return Err(ProbeError::Unknown { found: refused });
    }
    let Nearest { dialect, contradictions, is_alone } = nearest(&found);
    let unknown = |found: String| ProbeError::Unknown {
        found: format!("it looks like {dialect}, but {found}"),
    };
    renamed(&found).map_err(unknown)?;
    let misfit = misfit(db, dialect).await?;
    let queue = queue_misfit(&found, dialect);
    let schema = Detected {
        followed_hashtags: found.has(FOLLOWED_HASHTAGS),
        is_discoverable: found.has(IS_DISCOVERABLE),
        is_locked: found.has(IS_LOCKED),
    };
    let Some(migration) = found.newer_than(dialect) else {
        return match contradictions.describe().or(misfit.describe()).or(queue) {
            Some(found) => Err(unknown(found)),
            None => Ok(Probed { dialect, schema, migrations: found.migrations, newer: None }),
        };
    };
    let sign = contradictions.describe();
    if let Some(found) = sign.clone().filter(|_| contradictions.number() > 1 || !is_alone) {
        return Err(unknown(found));
    }
    let mut differences = Differences::find(db, dialect).await?;
    for difference in sign.into_iter().chain(queue) {
        differences.add(difference);
    }
    // The comparison of objects covers columns, but no labels of enums.
    for label in misfit.missing.iter().filter(|name| name.starts_with("label ")) {
        differences.add(format!("missing: {label}"));
    }
    let lacks = !misfit.missing.is_empty();
    let newer = Some(NewerRelease { migration, differences, lacks });
    Ok(Probed { dialect, schema, migrations: found.migrations, newer })
}

/// Descendants that ostrakon refuses by name: their databases have much that no statement here
/// knows. Each with the signs that only it has, all of them.
const REFUSED: [(&str, &[&str]); 2] = [
    ("Unfathomably's", &["users.actor_types", "users.outbox_address"]),
    ("that of Rebased's branch pl", &["webhooks", "domains", "users.permit_followback"]),
];

/// Signs of the descendants that are refused.
pub(super) fn signs_of_refused() -> impl Iterator<Item = &'static str> {
    REFUSED.iter().flat_map(|(_, signs)| signs.iter().copied())
}

/// Names the descendant whose database it is, if it is refused.
fn refused(found: &Catalogue) -> Option<String> {
    let (whose, signs) =
        REFUSED.iter().find(|(_, signs)| signs.iter().all(|sign| found.has(sign)))?;
    Some(format!("it is {whose} ({})", signs.join(", ")))
}

/// Signs that contradict a dialect: what is missing, and what is too much.
struct Contradictions {
    lacks: Vec<&'static str>,
    exceeds: Vec<&'static str>,
}

impl Contradictions {
    fn of(dialect: &Dialect, found: &Catalogue) -> Self {
        let lacks = dialect.present.iter().copied().filter(|name| !found.has(name)).collect();
        let exceeds = dialect.absent.iter().copied().filter(|name| found.has(name)).collect();
        Self { lacks, exceeds }
    }

    fn number(&self) -> usize {
        self.lacks.len() + self.exceeds.len()
    }

    fn describe(&self) -> Option<String> {
        if !self.lacks.is_empty() {
            Some(format!("has no {}", list(&self.lacks)))
        } else if !self.exceeds.is_empty() {
            Some(format!("has {}, which no release of it has", list(&self.exceeds)))
        } else {
            None
        }
    }
}

/// The dialect that the signs contradict least.
struct Nearest {
    dialect: &'static Dialect,
    contradictions: Contradictions,
    /// Whether they contradict every other one more.
    is_alone: bool,
}

fn nearest(found: &Catalogue) -> Nearest {
    let [first, others @ ..] = DIALECTS;
    let contradictions = Contradictions::of(first, found);
    let mut nearest = Nearest { dialect: first, contradictions, is_alone: true };
    for dialect in others {
        let contradictions = Contradictions::of(dialect, found);
        match contradictions.number().cmp(&nearest.contradictions.number()) {
            Ordering::Less => nearest = Nearest { dialect, contradictions, is_alone: true },
            Ordering::Equal => nearest.is_alone = false,
            Ordering::Greater => {}
        }
    }
    nearest
}

/// Checks two columns that were renamed one after the other.
fn renamed(found: &Catalogue) -> Result<(), String> {
    for (new, old) in [(IS_LOCKED, LOCKED), (IS_DISCOVERABLE, DISCOVERABLE)] {
        if found.has(new) == found.has(old) {
            let which = if found.has(new) { "both" } else { "neither" };
            return Err(format!("has {which} of {new} and {old}"));
        }
    }
    if found.has(LOCKED) && found.has(IS_DISCOVERABLE) {
        return Err(format!("has {LOCKED}, which is older than {IS_DISCOVERABLE}"));
    }
    Ok(())
}

/// Describes a version of the queue's table that no release has.
fn queue_misfit(found: &Catalogue, dialect: &Dialect) -> Option<String> {
    let version = found.oban_version().and_then(|text| text.parse().ok());
    let fits = version.is_some_and(|version: i32| dialect.oban_versions.contains(&version));
    if fits || dialect.oban_versions.is_empty() {
        return None;
    }
    Some(format!("its oban_jobs has {}", found.oban_version().unwrap_or("no version")))
}

/// Objects that the statements do not fit.
#[derive(FromRow)]
struct Misfit {
    missing: Vec<String>,
    unknown: Vec<String>,
}

impl Misfit {
    fn describe(&self) -> Option<String> {
        if !self.missing.is_empty() {
            Some(format!("has no {}", list(&self.missing)))
        } else if !self.unknown.is_empty() {
            Some(format!("has {}, which no release that ostrakon knows has", list(&self.unknown)))
        } else {
            None
        }
    }
}

/// Finds objects that the dialect's statements do not fit, or that are unknown.
async fn misfit(db: &mut PgConnection, dialect: &Dialect) -> sqlx::Result<Misfit> {
    let demands: Vec<Demand> = demands(dialect).collect();
    let (types, labels): (Vec<_>, Vec<_>) = labels(dialect).unzip();
    sqlx::query_as(include_str!("misfit.sql"))
        .bind(demands.iter().map(|demand| demand.table).collect::<Vec<_>>())
        .bind(demands.iter().map(|demand| demand.column).collect::<Vec<_>>())
        .bind(demands.iter().map(|demand| demand.table_may_be_missing).collect::<Vec<_>>())
        .bind(types)
        .bind(labels)
        .bind(known_columns(dialect))
        .fetch_one(db)
        .await
}

/// Names the first few, and counts the rest.
pub(super) fn list(names: &[impl AsRef<str>]) -> String {
    const NAMED: usize = 3;
    let first = names.iter().take(NAMED).map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}
