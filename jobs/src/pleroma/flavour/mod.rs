//! Detection of the server to which a database belongs, from the catalogue (docs/semantics.md 9.1).
//!
//! ostrakon does not write to a database whose signs contradict each other, that lacks anything
//! that a statement names, or that contains a column of unknown purpose.

mod known_columns;
mod signs;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection};

use crate::grants::{Demand, demands, labels};
use known_columns::known_columns;
use signs::Catalogue;

/// Family of servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Flavour {
    /// Pleroma 2.5 and newer.
    Pleroma,
    /// Akkoma 3.15 and newer.
    Akkoma,
    /// Pleroma 2.1 and 2.2.
    Pleroma22,
}

impl fmt::Display for Flavour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pleroma => "pleroma",
            Self::Akkoma => "akkoma",
            Self::Pleroma22 => "pleroma22",
        })
    }
}

/// Expression in the index of activities by their object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssociatedObject {
    /// By the SQL function `associated_object_id(jsonb)`.
    Function,
    /// By `coalesce(data->'object'->>'id', data->>'object')`.
    Coalesce,
}

/// Column in which pins are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pins {
    /// `users.pinned_objects`: JSON map from object id to time.
    Objects,
    /// `users.pinned_activities`: array of flake texts.
    Activities,
}

/// Differences between databases, each detected in the catalogue.
#[derive(Debug, Clone)]
pub struct Shape {
    /// Family of the server.
    pub flavour: Flavour,
    /// Expression by which activities are found by their object.
    pub associated_object: AssociatedObject,
    /// Column in which pins are stored.
    pub pins: Pins,
    /// Whether the tables of hashtags exist.
    pub hashtags: bool,
    /// Whether accounts can follow hashtags.
    pub followed_hashtags: bool,
    /// Whether chats exist.
    pub chats: bool,
    /// Whether every deletion gets a search job, whatever the search module (Pleroma ≥ 2.7).
    pub search_jobs: bool,
    /// Whether attachments are cleaned up in queue `slow` (Pleroma ≥ 2.7).
    pub slow_queue: bool,
    /// Whether `users.is_discoverable` has that name; `users.discoverable` before Pleroma 2.2.50.
    pub is_discoverable: bool,
    /// Whether `users.is_locked` has that name; `users.locked` before Pleroma 2.2.0.
    pub is_locked: bool,
    /// Number of times that the server attempts a delivery.
    pub delivery_attempts: i32,
    /// Version of Oban's table.
    pub oban_version: i32,
}

impl Shape {
    /// Whether this is Pleroma 2.7 or newer, whose jobs have other shapes than those of older
    /// releases and of Akkoma.
    pub const fn is_pleroma_2_7(&self) -> bool {
        self.search_jobs
    }
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

/// Objects that the statements do not fit.
#[derive(FromRow)]
struct Misfit {
    missing: Vec<String>,
    unknown: Vec<String>,
}

/// Names the first few, and counts the rest.
fn list(names: &[String]) -> String {
    const NAMED: usize = 3;
    let first = names.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

/// Reads the catalogue, and returns the family and its details.
pub async fn probe(db: &mut PgConnection) -> Result<Shape, ProbeError> {
    let unknown = |found: String| ProbeError::Unknown { found };
    let found = Catalogue::read(db).await?;
    let flavour = found.flavour().map_err(unknown)?;
    if let Some(misfit) = misfit(db, flavour).await? {
        return Err(unknown(misfit));
    }
    let newer = flavour == Flavour::Pleroma && found.is_pleroma_2_7(db).await?.map_err(unknown)?;
    let oban_version = found.oban_version(flavour, newer).map_err(unknown)?;
    Ok(Shape {
        flavour,
        associated_object: if flavour == Flavour::Pleroma {
            AssociatedObject::Function
        } else {
            AssociatedObject::Coalesce
        },
        pins: if flavour == Flavour::Pleroma22 { Pins::Activities } else { Pins::Objects },
        hashtags: found.has("hashtags_objects"),
        followed_hashtags: found.has("user_follows_hashtag"),
        chats: found.has("chat_message_references"),
        search_jobs: newer,
        slow_queue: newer,
        is_discoverable: found.has("users.is_discoverable"),
        is_locked: found.has("users.is_locked"),
        delivery_attempts: match flavour {
            Flavour::Akkoma => 6,
            Flavour::Pleroma if found.has(signs::PLEROMA_2_10) => 13,
            Flavour::Pleroma | Flavour::Pleroma22 => 5,
        },
        oban_version,
    })
}

/// Describes objects that the flavour's statements do not fit, or that are unknown.
async fn misfit(db: &mut PgConnection, flavour: Flavour) -> sqlx::Result<Option<String>> {
    let demands: Vec<Demand> = demands(flavour).collect();
    let (types, labels): (Vec<_>, Vec<_>) = labels(flavour).unzip();
    let misfit: Misfit = sqlx::query_as(include_str!("demands.sql"))
        .bind(demands.iter().map(|demand| demand.table).collect::<Vec<_>>())
        .bind(demands.iter().map(|demand| demand.column).collect::<Vec<_>>())
        .bind(demands.iter().map(|demand| demand.table_may_be_missing).collect::<Vec<_>>())
        .bind(types)
        .bind(labels)
        .bind(known_columns(flavour))
        .fetch_one(db)
        .await?;
    let name = signs::name(flavour);
    Ok(if !misfit.missing.is_empty() {
        Some(format!("it looks like {name}, but has no {}", list(&misfit.missing)))
    } else if !misfit.unknown.is_empty() {
        Some(format!(
            "it looks like {name}, but has {}, which no release that ostrakon knows has",
            list(&misfit.unknown)
        ))
    } else {
        None
    })
}
