//! Switches one account on or off (docs/semantics.md 3).

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use crate::{
    engine::{Batch, Class, Count, Job, JobError, Plan, Skipped},
    pleroma::{Actor, Flavour, Server, count_relations, find_actor_by_ap_id, set_activation},
};

/// Deactivates an account.
pub type DeactivateUser = SwitchUser<false>;

/// Activates an account.
pub type ActivateUser = SwitchUser<true>;

/// Switches an account on (`ACTIVE`) or off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwitchUser<const ACTIVE: bool> {
    /// As typed.
    pub nickname: String,
    /// The account's ActivityPub id.
    pub actor: String,
}

/// There is one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Whether it was done.
    pub switched: bool,
}

impl<const ACTIVE: bool> SwitchUser<ACTIVE> {
    /// Whether there is something to do. Pleroma 2.2 repeats a deactivation's effects.
    pub fn is_needed(server: &Server, actor: &Actor) -> bool {
        actor.active != ACTIVE || (!ACTIVE && server.shape.flavour == Flavour::Pleroma22)
    }

    async fn actor(&self, server: &Server, db: &mut PgConnection) -> Result<Actor, JobError> {
        find_actor_by_ap_id(db, server, &self.actor)
            .await?
            .ok_or_else(|| JobError::fail(format!("there is no account {} any more", self.actor)))
    }
}

impl<const ACTIVE: bool> Job for SwitchUser<ACTIVE> {
    const NAME: &'static str = if ACTIVE { "activate_user" } else { "deactivate_user" };
    const CLASS: Class = Class::Short;
    const HEAVY: bool = false;
    type World = Server;
    type Cursor = Cursor;

    fn subject(&self) -> &str {
        &self.nickname
    }

    /// The same for both directions: they must not race each other.
    fn dedupe_key(&self) -> String {
        format!("switch_user:{}", self.actor)
    }

    async fn plan(&self, server: &Server, db: &mut PgConnection) -> Result<Plan<Cursor>, JobError> {
        let actor = self.actor(server, db).await?;
        let (accounts, relations) = if Self::is_needed(server, &actor) {
            let relations = count_relations(db, server, &[actor.id]).await?;
            (i64::from(actor.active != ACTIVE), relations)
        } else {
            (0, 0)
        };
        Ok(Plan {
            counts: vec![
                Count::new("accounts", accounts),
                Count::new("follow relations", relations),
            ],
            notes: Vec::new(),
            cursor: Cursor { switched: false },
        })
    }

    async fn batch(
        &self,
        server: &Server,
        db: &mut PgConnection,
        cursor: Cursor,
        _limit: i64,
    ) -> Result<Batch<Cursor>, JobError> {
        let actor = self.actor(server, db).await?;
        let mut done = 0;
        if !cursor.switched && Self::is_needed(server, &actor) {
            let activation = set_activation(db, server, &[actor.id], ACTIVE).await?;
            done = activation.accounts + activation.relations;
        }
        Ok(Batch {
            cursor: Cursor { switched: true },
            end: true,
            done,
            parked: Vec::new(),
            wait: None,
        })
    }

    async fn skip(
        &self,
        _server: &Server,
        _db: &mut PgConnection,
        _cursor: Cursor,
    ) -> Result<Option<Skipped<Cursor>>, JobError> {
        // The account is all there is: without it the run has failed.
        Ok(None)
    }

    async fn finish(
        &self,
        server: &Server,
        db: &mut PgConnection,
        _cursor: &Cursor,
        _parked: i64,
    ) -> Result<(), JobError> {
        let actor = self.actor(server, db).await?;
        if actor.active != ACTIVE {
            return Err(JobError::fail(format!("{} was not switched", self.actor)));
        }
        Ok(())
    }
}
