//! Recognising the server to which a database belongs, from the catalogue (docs/semantics.md 9.1).
//!
//! ostrakon does not write to a database whose signs contradict each other, that lacks anything
//! that a statement names, or that contains a column of unknown purpose.

use sqlx::{FromRow, PgConnection};

use super::{
    DIALECTS, Dialect,
    catalogue::{Catalogue, DISCOVERABLE, FOLLOWED_HASHTAGS, IS_DISCOVERABLE, IS_LOCKED, LOCKED},
    columns::known_columns,
    rights::{Demand, demands, labels},
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

/// Reason why ostrakon does not write to a database.
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
/// # Errors
/// [`ProbeError::Unknown`] with the first contradiction, or what is missing.
pub async fn probe(db: &mut PgConnection) -> Result<(&'static Dialect, Detected), ProbeError> {
    let unknown = |found: String| ProbeError::Unknown { found };
    let found = Catalogue::read(db).await?;
    let dialect = recognise(&found).map_err(unknown)?;
    if let Some(misfit) = misfit(db, dialect).await? {
        return Err(unknown(misfit));
    }
    fits_queue(&found, dialect).map_err(unknown)?;
    let detected = Detected {
        followed_hashtags: found.has(FOLLOWED_HASHTAGS),
        is_discoverable: found.has(IS_DISCOVERABLE),
        is_locked: found.has(IS_LOCKED),
    };
    Ok((dialect, detected))
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
}

/// Returns the dialect that the signs fit, or how they contradict the one that they fit best.
fn recognise(found: &Catalogue) -> Result<&'static Dialect, String> {
    let compared = DIALECTS.map(|dialect| (dialect, Contradictions::of(dialect, found)));
    let best = compared.into_iter().min_by_key(|(_, contradictions)| contradictions.number());
    let Some((dialect, Contradictions { lacks, exceeds })) = best else {
        return Err("no server is known".to_owned());
    };
    if !lacks.is_empty() {
        return Err(format!("it looks like {dialect}, but has no {}", list(&lacks)));
    }
    if !exceeds.is_empty() {
        return Err(format!(
            "it looks like {dialect}, but has {}, which no release of it has",
            list(&exceeds)
        ));
    }
    renamed(found, dialect)?;
    Ok(dialect)
}

/// Checks two columns that were renamed one after the other.
fn renamed(found: &Catalogue, dialect: &Dialect) -> Result<(), String> {
    for (new, old) in [(IS_LOCKED, LOCKED), (IS_DISCOVERABLE, DISCOVERABLE)] {
        if found.has(new) == found.has(old) {
            let which = if found.has(new) { "both" } else { "neither" };
            return Err(format!("it looks like {dialect}, but has {which} of {new} and {old}"));
        }
    }
    if found.has(LOCKED) && found.has(IS_DISCOVERABLE) {
        return Err(format!(
            "it looks like {dialect}, but has {LOCKED}, which is older than {IS_DISCOVERABLE}"
        ));
    }
    Ok(())
}

/// Checks the version of the queue's table.
fn fits_queue(found: &Catalogue, dialect: &Dialect) -> Result<(), String> {
    let version = found.oban_version().and_then(|text| text.parse().ok());
    let fits = version.is_some_and(|version: i32| dialect.oban_versions.contains(&version));
    if fits || dialect.oban_versions.is_empty() {
        return Ok(());
    }
    let version = found.oban_version().unwrap_or("no version");
    Err(format!("it looks like {dialect}, but its oban_jobs has {version}"))
}

/// Objects that the statements do not fit.
#[derive(FromRow)]
struct Misfit {
    missing: Vec<String>,
    unknown: Vec<String>,
}

/// Describes objects that the dialect's statements do not fit, or that are unknown.
async fn misfit(db: &mut PgConnection, dialect: &Dialect) -> sqlx::Result<Option<String>> {
    let demands: Vec<Demand> = demands(dialect).collect();
    let (types, labels): (Vec<_>, Vec<_>) = labels(dialect).unzip();
    let misfit: Misfit = sqlx::query_as(include_str!("misfit.sql"))
        .bind(demands.iter().map(|demand| demand.table).collect::<Vec<_>>())
        .bind(demands.iter().map(|demand| demand.column).collect::<Vec<_>>())
        .bind(demands.iter().map(|demand| demand.table_may_be_missing).collect::<Vec<_>>())
        .bind(types)
        .bind(labels)
        .bind(known_columns(dialect))
        .fetch_one(db)
        .await?;
    Ok(if !misfit.missing.is_empty() {
        Some(format!("it looks like {dialect}, but has no {}", list(&misfit.missing)))
    } else if !misfit.unknown.is_empty() {
        Some(format!(
            "it looks like {dialect}, but has {}, which no release that ostrakon knows has",
            list(&misfit.unknown)
        ))
    } else {
        None
    })
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
