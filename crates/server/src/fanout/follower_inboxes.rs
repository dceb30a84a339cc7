//! Inboxes of accounts' followers, shared by the batches of a run.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    super::{Actor, Server},
    directory::{InboxPair, followers},
};

/// Time after which the inboxes are read again. Every batch needs all of them: for an account with
/// very many followers, reading them each time would take longer than the rest of the batch.
const KEPT: Duration = Duration::from_mins(1);

/// Maximum number of accounts whose inboxes are cached: one for each of a few runs.
const ACCOUNTS_MAX: usize = 4;

/// Inboxes that were read lately.
#[derive(Debug, Default)]
pub struct FollowerInboxes(Mutex<Vec<Known>>);

#[derive(Debug)]
struct Known {
    account: Uuid,
    read_at: Instant,
    inboxes: Arc<[InboxPair]>,
}

impl FollowerInboxes {
    /// Inboxes of an account's followers on other servers, at most one minute old.
    pub(super) async fn of(
        &self,
        db: &mut PgConnection,
        server: &Server,
        actor: &Actor,
    ) -> sqlx::Result<Arc<[InboxPair]>> {
        let kept = self.with(|known| {
            known.retain(|one| one.read_at.elapsed() < KEPT);
            known.iter().find(|one| one.account == actor.id).map(|one| Arc::clone(&one.inboxes))
        });
        if let Some(inboxes) = kept {
            return Ok(inboxes);
        }
        let inboxes: Arc<[InboxPair]> = followers(db, server, actor).await?.into();
        let read =
            Known { account: actor.id, read_at: Instant::now(), inboxes: Arc::clone(&inboxes) };
        self.with(|known| {
            known.truncate(ACCOUNTS_MAX - 1);
            known.insert(0, read);
        });
        Ok(inboxes)
    }

    /// Drops the inboxes of an account when a run for it begins, so that the run reads the current
    /// ones.
    pub fn forget(&self, account: Uuid) {
        self.with(|known| known.retain(|one| one.account != account));
    }

    fn with<R>(&self, look: impl FnOnce(&mut Vec<Known>) -> R) -> R {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
