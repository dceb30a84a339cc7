//! Releases of the servers, as changes of the three recorded schemas.

use anyhow::{Context as _, Result};

use crate::Flavour;

/// How the tables of a release are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaSource {
    /// From the catalogue of a database that the release's own migrations made.
    Migrated,
    /// From the list of the release's migrations; no server of it was seen.
    Reconstructed,
}

/// A release of a server.
#[derive(Debug)]
pub struct Release {
    /// Name of the server and its version: `akkoma-3.13`.
    pub name: &'static str,
    /// Schema that it differs least from.
    pub base: Flavour,
    /// How its tables are known.
    pub source: SchemaSource,
    /// Statements that make its tables of the base's, from one release to the next.
    pub(crate) changes: &'static [&'static str],
}

/// Statements from one release to the next.
macro_rules! changes {
    ($($name:literal),*) => {
        &[$(include_str!(concat!("../schema/releases/", $name, ".sql"))),*]
    };
}

impl Release {
    /// All releases, in the order of their age, those of each server together.
    pub const ALL: [Self; 18] = {
        use Flavour::{Akkoma, Pleroma, Pleroma22};
        use SchemaSource::{Migrated, Reconstructed};
        [
            Self::of("pleroma-2.2", Pleroma22, Migrated, changes![]),
            Self::of(
                "pleroma-2.4",
                Pleroma,
                Migrated,
                changes!["pleroma-2.6", "pleroma-2.5", "pleroma-2.4"],
            ),
            Self::of("pleroma-2.5", Pleroma, Reconstructed, changes!["pleroma-2.6", "pleroma-2.5"]),
            Self::of("pleroma-2.6", Pleroma, Reconstructed, changes!["pleroma-2.6"]),
            Self::of("pleroma-2.7", Pleroma, Migrated, changes![]),
            Self::of("pleroma-2.9", Pleroma, Migrated, changes!["pleroma-2.9"]),
            Self::of(
                "pleroma-2.10",
                Pleroma,
                Reconstructed,
                changes!["pleroma-2.9", "pleroma-2.10"],
            ),
            Self::of(
                "pleroma-develop",
                Pleroma,
                Reconstructed,
                changes!["pleroma-2.9", "pleroma-2.10", "pleroma-develop"],
            ),
            Self::of(
                "rebased-2.6.50",
                Pleroma,
                Migrated,
                changes!["pleroma-2.6", "rebased-2.6.50"],
            ),
            Self::of(
                "akkoma-3.10",
                Akkoma,
                Migrated,
                changes!["akkoma-3.15", "akkoma-3.14", "akkoma-3.13", "akkoma-3.10"],
            ),
            Self::of(
                "akkoma-3.13",
                Akkoma,
                Migrated,
                changes!["akkoma-3.15", "akkoma-3.14", "akkoma-3.13"],
            ),
            Self::of("akkoma-3.14", Akkoma, Reconstructed, changes!["akkoma-3.15", "akkoma-3.14"]),
            Self::of("akkoma-3.15", Akkoma, Reconstructed, changes!["akkoma-3.15"]),
            Self::of("akkoma-3.16", Akkoma, Migrated, changes![]),
            Self::of("akkoma-3.17", Akkoma, Reconstructed, changes!["akkoma-3.17"]),
            Self::of("akkoma-3.18", Akkoma, Reconstructed, changes!["akkoma-3.17", "akkoma-3.18"]),
            Self::of(
                "akkoma-3.19",
                Akkoma,
                Reconstructed,
                changes!["akkoma-3.17", "akkoma-3.18", "akkoma-3.19"],
            ),
            Self::of(
                "akkoma-3.20",
                Akkoma,
                Reconstructed,
                changes!["akkoma-3.17", "akkoma-3.18", "akkoma-3.19", "akkoma-3.20"],
            ),
        ]
    };

    /// The release of a name.
    ///
    /// # Errors
    /// If there is none.
    pub fn named(name: &str) -> Result<&'static Self> {
        let named = Self::ALL.iter().find(|release| release.name == name);
        named.with_context(|| format!("there is no release {name}"))
    }

    /// The release whose behaviour was recorded for a flavour: the one with exactly its schema.
    pub fn recorded(flavour: Flavour) -> Option<&'static Self> {
        Self::ALL.iter().find(|release| release.base == flavour && release.is_recorded())
    }

    /// Whether its behaviour was recorded.
    pub const fn is_recorded(&self) -> bool {
        self.changes.is_empty()
    }

    const fn of(
        name: &'static str,
        base: Flavour,
        source: SchemaSource,
        changes: &'static [&'static str],
    ) -> Self {
        Self { name, base, source, changes }
    }
}
