//! What ends a worker because it no longer knows the database: a newer version has migrated the
//! ledger, or the server was updated.

use std::sync::Arc;

use ostrakon_engine::ledger::{self, SchemaState};
use ostrakon_server::{Migrations, applied_migrations};
use sqlx::PgConnection;
use tokio::sync::SetOnce;

use crate::session::NEWER_LEDGER;

/// Why a worker is outdated.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reason {
    /// The ledger belongs to a newer version of ostrakon.
    NewerLedger,
    /// The server's tables were migrated after this worker examined them.
    MigratedServer,
}

impl Reason {
    /// What happened, in words.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::NewerLedger => NEWER_LEDGER,
            Self::MigratedServer => {
                "the server's own tables were migrated while this worker was running"
            }
        }
    }
}

/// Whether this worker is outdated.
#[derive(Debug, Clone)]
pub(super) struct Outdated {
    /// Migrations of the server when this worker examined its tables.
    migrations: Migrations,
    reason: Arc<SetOnce<Reason>>,
}

impl Outdated {
    pub(super) fn new(migrations: Migrations) -> Self {
        Self { migrations, reason: Arc::default() }
    }

    /// Compares the database with what this worker knows; remembers a difference for ever.
    pub(super) async fn check(&self, db: &mut PgConnection) -> sqlx::Result<bool> {
        let reason = if ledger::schema_state(&mut *db).await? == SchemaState::Newer {
            Reason::NewerLedger
        } else if applied_migrations(db).await? != self.migrations {
            Reason::MigratedServer
        } else {
            return Ok(self.reason().is_some());
        };
        // The first reason stays.
        let _set_before = self.reason.set(reason);
        Ok(true)
    }

    /// Why this worker is outdated, if it is.
    pub(super) fn reason(&self) -> Option<Reason> {
        self.reason.get().copied()
    }

    /// Waits until this worker is outdated.
    pub(super) async fn wait(&self) {
        self.reason.wait().await;
    }
}
