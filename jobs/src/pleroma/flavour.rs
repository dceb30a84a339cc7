//! Which server's database this is, found out from the catalogue (docs/semantics.md 9.1).

use std::fmt;

use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection};

/// The three families of servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Flavour {
    /// Pleroma 2.3 and newer.
    Pleroma,
    /// Akkoma 3 and newer.
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

/// How the index of activities by their object is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssociatedObject {
    /// By the SQL function `associated_object_id(jsonb)`.
    Function,
    /// By `coalesce(data->'object'->>'id', data->>'object')`.
    Coalesce,
}

/// Where pins are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pins {
    /// `users.pinned_objects`: JSON map from object id to time.
    Objects,
    /// `users.pinned_activities`: array of flake texts.
    Activities,
}

/// What differs between databases, each found by looking.
#[derive(Debug, Clone)]
pub struct Shape {
    /// The family.
    pub flavour: Flavour,
    /// How activities are found by their object.
    pub associated_object: AssociatedObject,
    /// Where pins are kept.
    pub pins: Pins,
    /// Whether there are tables of hashtags.
    pub hashtags: bool,
    /// Whether accounts can follow hashtags.
    pub followed_hashtags: bool,
    /// Whether there are chats.
    pub chats: bool,
    /// Whether every deletion gets a search job, whatever the search module (Pleroma ≥ 2.7).
    pub search_jobs: bool,
    /// Whether attachments are cleaned up in queue `slow` (Pleroma ≥ 2.7).
    pub slow_queue: bool,
    /// Whether `users.is_discoverable` has that name; `users.discoverable` before Pleroma 2.2.50.
    pub is_discoverable: bool,
    /// Whether `users.is_locked` has that name; `users.locked` before Pleroma 2.2.0.
    pub is_locked: bool,
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

/// Why a database is not written to.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// It is not what this program knows.
    #[error(
        "this is not the database of a server that kenoma knows ({missing}); nothing was written"
    )]
    Unknown {
        /// What was looked for in vain.
        missing: String,
    },
    /// It could not be asked.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

#[derive(FromRow)]
struct Catalogue {
    missing: Vec<String>,
    is_active: bool,
    deactivated: bool,
    akkoma: bool,
    associated_object_id: bool,
    pinned_objects: bool,
    pinned_activities: bool,
    hashtags: bool,
    followed_hashtags: bool,
    chats: bool,
    bookmark_folders: bool,
    schema_migrations: bool,
    is_discoverable: bool,
    is_locked: bool,
    oban_version: Option<String>,
}

/// Names the first few of what was looked for in vain, and counts the rest.
fn missing(columns: &[String]) -> String {
    const NAMED: usize = 3;
    let named = columns.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match columns.len().saturating_sub(NAMED) {
        0 => format!("no {named}"),
        more => format!("no {named} and {more} more"),
    }
}

/// Whether the migration of Pleroma 2.7 that merged queues has run.
async fn job_queues_refactored(db: &mut PgConnection) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "select exists (select from public.schema_migrations where version = 20240527144418)",
    )
    .fetch_one(db)
    .await
}

/// Looks at the catalogue and tells the family and its details.
pub async fn probe(db: &mut PgConnection) -> Result<Shape, ProbeError> {
    let found: Catalogue = sqlx::query_as(include_str!("probe.sql")).fetch_one(&mut *db).await?;
    if !found.missing.is_empty() {
        return Err(ProbeError::Unknown { missing: missing(&found.missing) });
    }
    let flavour = match (found.is_active, found.deactivated) {
        (true, _) if found.akkoma => Flavour::Akkoma,
        (true, _) => Flavour::Pleroma,
        (false, true) => Flavour::Pleroma22,
        (false, false) => {
            let missing = "neither users.is_active nor users.deactivated".to_owned();
            return Err(ProbeError::Unknown { missing });
        }
    };
    let pins = match (found.pinned_objects, found.pinned_activities) {
        (true, _) => Pins::Objects,
        (false, true) => Pins::Activities,
        (false, false) => {
            let missing = "neither users.pinned_objects nor users.pinned_activities".to_owned();
            return Err(ProbeError::Unknown { missing });
        }
    };
    Ok(Shape {
        flavour,
        associated_object: if found.associated_object_id {
            AssociatedObject::Function
        } else {
            AssociatedObject::Coalesce
        },
        pins,
        hashtags: found.hashtags,
        followed_hashtags: found.followed_hashtags,
        chats: found.chats,
        search_jobs: flavour == Flavour::Pleroma && found.bookmark_folders,
        is_discoverable: found.is_discoverable,
        is_locked: found.is_locked,
        slow_queue: found.schema_migrations && job_queues_refactored(db).await?,
        oban_version: found.oban_version.and_then(|text| text.parse().ok()).unwrap_or_default(),
    })
}
