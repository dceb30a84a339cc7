//! Activates or deactivates one account (docs/semantics.md 3).

use std::{fmt::Debug, marker::PhantomData};

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

use ostrakon_engine::{
    Batch, Class, Count, Job, JobError, Left, Plan, Recount, Skipped, Table, tables,
};
use ostrakon_server::{
    AccountCache, Activation, Actor, Changed, ModerationAction, Person, Refresh, Server,
    count_relations, find_actor_by_ap_id, log_moderation_for, lost_deliveries_note,
    refresh_accounts, set_activation, stale_counters_note,
};

/// Job that deactivates an account.
pub type DeactivateUser = SwitchUser<Deactivate>;

/// Job that activates an account.
pub type ActivateUser = SwitchUser<Activate>;

/// Direction of a [`SwitchUser`].
pub trait Direction: Debug + Clone + PartialEq + Eq + Send + Sync + 'static {
    /// See [`Job::NAME`].
    const NAME: &'static str;
    /// Whether the account is active afterwards.
    const ACTIVE: bool;
    /// Entry in the moderation log.
    const LOGGED: ModerationAction<'static>;
}

/// An inactive account becomes active.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Activate {}

impl Direction for Activate {
    const NAME: &'static str = "activate_user";
    const ACTIVE: bool = true;
    const LOGGED: ModerationAction<'static> = ModerationAction::Activate;
}

/// An active account becomes inactive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deactivate {}

impl Direction for Deactivate {
    const NAME: &'static str = "deactivate_user";
    const ACTIVE: bool = false;
    const LOGGED: ModerationAction<'static> = ModerationAction::Deactivate;
}

/// Job that activates or deactivates an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwitchUser<D> {
    /// Nickname as typed by the operator.
    pub nickname: String,
    /// The account's ActivityPub id.
    pub actor: String,
    /// Member of the staff on whose behalf the run acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<Uuid>,
    #[serde(skip)]
    direction: PhantomData<D>,
}

/// Progress of a run with a single step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Whether the step is done.
    pub switched: bool,
}

impl<D: Direction> SwitchUser<D> {
    /// Creates a request for the account with this nickname and ActivityPub id, optionally on behalf
    /// of a member of the staff.
    pub const fn new(nickname: String, actor: String, on_behalf_of: Option<Uuid>) -> Self {
        Self { nickname, actor, on_behalf_of, direction: PhantomData }
    }

    /// Whether there is anything to do. Pleroma 2.2 repeats a deactivation's effects.
    pub fn is_needed(server: &Server, actor: &Actor) -> bool {
        actor.active != D::ACTIVE || (!D::ACTIVE && server.dialect.repeats_deactivation)
    }

    async fn actor(&self, db: &mut PgConnection, server: &Server) -> Result<Actor, JobError> {
        find_actor_by_ap_id(db, server, &self.actor)
            .await?
            .ok_or_else(|| JobError::fail(format!("there is no account {} any more", self.actor)))
    }

    /// Notes for the operator on what the running server continues to do.
    async fn notes(
        db: &mut PgConnection,
        server: &Server,
        actor: &Actor,
    ) -> sqlx::Result<Vec<String>> {
        let mut notes = Vec::new();
        if !D::ACTIVE
            && actor.local
            && server.dialect.account_cache != AccountCache::ProfileOnly
            && server.refresh == Refresh::Off
        {
            let nickname = actor.nickname.as_deref().unwrap_or_default();
            notes.push(format!(
                "the running server is not notified (server.refresh is off), so signed-in \
                 sessions keep access {}; end them immediately with: ostrakon user sign_out \
                 {nickname}",
                server.dialect.account_cache.for_how_long()
            ));
        }
        if !D::ACTIVE {
            notes.extend(lost_deliveries_note(db, actor).await?);
        }
        notes.extend(stale_counters_note(db, server, &[actor.id]).await?);
        Ok(notes)
    }

    /// Asks the running server to reload what changed, and writes the moderation log.
    async fn tell(
        &self,
        db: &mut PgConnection,
        server: &Server,
        actor: Actor,
        activation: &Activation,
    ) -> sqlx::Result<()> {
        if activation.accounts + activation.relations > 0 {
            refresh_accounts(db, server, &[actor.id], Changed::Activation).await?;
        }
        let others: Vec<Uuid> =
            activation.counted.iter().copied().filter(|id| *id != actor.id).collect();
        refresh_accounts(db, server, &others, Changed::Fields).await?;
        if activation.accounts > 0 {
            let person = Person { id: actor.id, nickname: actor.nickname.unwrap_or_default() };
            log_moderation_for(db, self.on_behalf_of, D::LOGGED, &[person]).await?;
        }
        Ok(())
    }
}

impl<D: Direction> Job for SwitchUser<D> {
    const NAME: &'static str = D::NAME;
    const CLASS: Class = Class::Short;
    const HEAVY: bool = false;
    const TABLES: &'static [Table] = tables!["public.users", "public.following_relationships"];
    type World = Server;
    type Cursor = Cursor;
    type ClaimState = ();

    fn subject(&self) -> &str {
        &self.nickname
    }

    /// Same key for both directions: they must not race each other.
    fn dedupe_key(&self) -> String {
        format!("switch_user:{}", self.actor)
    }

    async fn plan(
        &self,
        db: &mut PgConnection,
        server: &Server,
        _state: &mut (),
    ) -> Result<Plan<Cursor>, JobError> {
        let actor = self.actor(db, server).await?;
        let (mut accounts, mut relations, mut notes) = (0, 0, Vec::new());
        if Self::is_needed(server, &actor) {
            accounts = i64::from(actor.active != D::ACTIVE);
            relations = count_relations(db, server, &[actor.id]).await?;
            if accounts + relations > 0 {
                notes = Self::notes(db, server, &actor).await?;
            }
        }
        Ok(Plan {
            counts: vec![
                Count::new("accounts", accounts),
                Count::new("follow relations", relations),
            ],
            notes,
            cursor: Cursor { switched: false },
        })
    }

    async fn batch(
        &self,
        db: &mut PgConnection,
        server: &Server,
        _state: &mut (),
        cursor: Cursor,
        _limit: i64,
    ) -> Result<Batch<Cursor>, JobError> {
        let actor = self.actor(db, server).await?;
        let mut done = 0;
        if !cursor.switched && Self::is_needed(server, &actor) {
            let activation = set_activation(db, server, &[actor.id], D::ACTIVE).await?;
            done = activation.accounts + activation.relations;
            self.tell(db, server, actor, &activation).await?;
        }
        Ok(Batch { done, ..Batch::end(Cursor { switched: true }) })
    }

    async fn skip(
        &self,
        _db: &mut PgConnection,
        _server: &Server,
        _state: &mut (),
        _cursor: Cursor,
    ) -> Result<Option<Skipped<Cursor>>, JobError> {
        // The account is the only item: without it the run has failed.
        Ok(None)
    }

    async fn finish(
        &self,
        db: &mut PgConnection,
        server: &Server,
        _state: &mut (),
        _cursor: &Cursor,
        _parked: i64,
    ) -> Result<Recount<Cursor>, JobError> {
        let actor = self.actor(db, server).await?;
        if actor.active == D::ACTIVE {
            return Ok(Recount::Right);
        }
        // Another session switched the account back after the run found nothing to do.
        Ok(Recount::Left(Left {
            items: 1,
            what: format!("account that was not switched, {},", self.actor),
            cursor: Cursor { switched: false },
        }))
    }
}
