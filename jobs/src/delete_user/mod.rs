//! Removes an account with everything it did (docs/semantics.md 2).
//!
//! The account is inactive from the moment of the request. The run then goes through the steps of
//! [`Step`]. Deliveries to other servers are written before the relations that determine their
//! recipients are ended.

mod account;
mod announce_deletion;
mod cursor;
mod follow_undo;
mod notifications;
mod owned_rows;
mod plan;
mod relation_list;
mod relations;
mod server_removal;
mod steps;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use account::RemovalState;
pub use cursor::{Cursor, Step};
pub use relation_list::RelationList;
use relations::Side;

use crate::delete_activities;
use ostrakon_engine::{
    Batch, Class, Count, Job, JobError, Left, Plan, Recount, Skipped, Table, tables,
};
use ostrakon_server::{
    Actor, Changed, ModerationAction, Person, Server, find_actor_by_ap_id, log_moderation_for,
    refresh_accounts, sign_out,
};

/// Removes a local account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteUser {
    /// Nickname as typed by the operator.
    pub nickname: String,
    /// The account's ActivityPub id.
    pub actor: String,
    /// Whether to remove what the original leaves behind as well.
    #[serde(default)]
    pub thorough: bool,
    /// Whether to notify other servers of every post, not only of the account.
    #[serde(default)]
    pub federate_posts: bool,
    /// Whether to remove even the last admin.
    #[serde(default)]
    pub force: bool,
    /// Member of the staff on whose behalf the run acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<Uuid>,
}

impl Job for DeleteUser {
    const NAME: &'static str = "delete_user";
    const CLASS: Class = Class::Long;
    const HEAVY: bool = true;
    const TABLES: &'static [Table] = tables![
        "public.activities",
        "public.objects",
        "public.notifications",
        "public.bookmarks",
        "public.hashtags_objects",
        "public.counter_cache",
        "public.oban_jobs",
        "public.following_relationships",
        "public.users"
    ];
    type World = Server;
    type Cursor = Cursor;
    type ClaimState = RelationList;

    fn subject(&self) -> &str {
        &self.nickname
    }

    fn dedupe_key(&self) -> String {
        format!("delete_user:{}", self.actor)
    }

    /// Silences the account: deactivates it and ends all its sessions.
    async fn on_enqueue(&self, db: &mut PgConnection, server: &Server) -> Result<(), JobError> {
        let Some(account) = self.account(db, server).await? else { return Ok(()) };
        let switched = account::switch_off(db, server, account.id).await?;
        sign_out(db, account.id).await?;
        let row_goes = RemovalState::read(db, server, account.id).await?.row_goes(server);
        if switched && Self::may_refresh(server, row_goes) {
            // Not as `Activation`: the server would then end relations that this run ends.
            refresh_accounts(db, server, &[account.id], Changed::Fields).await?;
        }
        let person = Person { id: account.id, nickname: account.nickname.unwrap_or_default() };
        log_moderation_for(db, self.on_behalf_of, ModerationAction::Delete, &[person]).await?;
        Ok(())
    }

    async fn plan(
        &self,
        db: &mut PgConnection,
        server: &Server,
        _state: &mut RelationList,
    ) -> Result<Plan<Cursor>, JobError> {
        let Some(account) = self.account(db, server).await? else {
            let cursor = Cursor {
                until: Uuid::nil(),
                last_relation: 0,
                row_goes: false,
                needed: false,
                deliveries_until: None,
                second_pass: false,
                step: Step::Account,
            };
            return Ok(Plan { counts: Vec::new(), notes: Vec::new(), cursor });
        };
        server.follower_inboxes.forget(account.id);
        let standing = RemovalState::read(db, server, account.id).await?;
        self.refuse_last_admin(&standing)?;
        let mut cursor = self.first_cursor(db, server, &standing).await?;
        let counts = self.counts(db, server, &account, &cursor).await?;
        cursor.needed = counts.iter().any(|count| count.items > 0);
        let notes = self.notes(db, server, &account, &cursor).await?;
        Ok(Plan { counts, notes, cursor })
    }

    async fn batch(
        &self,
        db: &mut PgConnection,
        server: &Server,
        state: &mut RelationList,
        cursor: Cursor,
        limit: i64,
    ) -> Result<Batch<Cursor>, JobError> {
        let Some(account) = self.account(db, server).await? else {
            // The server has removed the row meanwhile, as requested.
            let done = i64::from(matches!(cursor.step, Step::ServerRemoval { .. }));
            let cursor = cursor.at(Step::Account);
            return Ok(Batch { done, ..Batch::end(cursor) });
        };
        let mut batch = self.step(db, server, state, &account, &cursor, limit).await?;
        batch.cursor.deliveries_until = cursor.deliveries_until.max(batch.deliveries_until);
        Ok(batch)
    }

    async fn skip(
        &self,
        db: &mut PgConnection,
        server: &Server,
        state: &mut RelationList,
        cursor: Cursor,
    ) -> Result<Option<Skipped<Cursor>>, JobError> {
        let Some(account) = self.account(db, server).await? else { return Ok(None) };
        let side = match cursor.step {
            Step::Posts { after } => {
                let posts = delete_activities::Cursor { after, until: cursor.until };
                let skipped = delete_activities::skip_one(db, server, &self.actor, posts).await?;
                return Ok(skipped.map(|skipped| Skipped {
                    item: skipped.item,
                    cursor: cursor.at(Step::Posts { after: skipped.cursor.after }),
                }));
            }
            Step::Followers { after } => (Side::Followers, after),
            Step::FollowedAccounts { after } => (Side::Followed, after),
            // Every other step is all or nothing.
            _ => return Ok(None),
        };
        let (side, after) = side;
        let range = (side, after, cursor.last_relation);
        let relations = relations::read(db, server, &account, state, range, 1).await?;
        Ok(relations.first().map(|relation| Skipped {
            item: format!("{} follows {}", relation.follower_ap_id, relation.followed_ap_id),
            cursor: cursor.at(match side {
                Side::Followers => Step::Followers { after: relation.id },
                Side::Followed => Step::FollowedAccounts { after: relation.id },
            }),
        }))
    }

    async fn recheck(
        &self,
        db: &mut PgConnection,
        server: &Server,
        written: &Value,
    ) -> Result<Vec<Count>, JobError> {
        delete_activities::recheck(db, server, &self.actor, written).await
    }

    async fn count_undone(
        &self,
        db: &mut PgConnection,
        server: &Server,
        written: &Value,
    ) -> Result<i64, JobError> {
        delete_activities::count_undone(db, server, written).await
    }

    async fn finish(
        &self,
        db: &mut PgConnection,
        server: &Server,
        _state: &mut RelationList,
        cursor: &Cursor,
        parked: i64,
    ) -> Result<Recount<Cursor>, JobError> {
        let Some(account) = self.account(db, server).await? else { return Ok(Recount::Right) };
        let left: i64 = self
            .counts_in_range(db, server, &account, cursor)
            .await?
            .iter()
            .map(|count| count.items)
            .sum();
        if left > parked {
            return Ok(Recount::Left(Left {
                items: left,
                what: format!("items of {}", self.actor),
                cursor: cursor.at(Step::BEGINNING),
            }));
        }
        Ok(Recount::Right)
    }
}

impl DeleteUser {
    /// Creates a request to remove an account as the original does: other servers are notified only
    /// of the account itself, and the last admin is refused.
    pub const fn new(nickname: String, actor: String) -> Self {
        Self {
            nickname,
            actor,
            thorough: false,
            federate_posts: false,
            force: false,
            on_behalf_of: None,
        }
    }

    /// Looks up the account again; `None` if its row is gone.
    async fn account(
        &self,
        db: &mut PgConnection,
        server: &Server,
    ) -> Result<Option<Actor>, JobError> {
        let account = find_actor_by_ap_id(db, server, &self.actor).await?;
        match account {
            Some(account) if !account.local => Err(JobError::Refuse(format!(
                "{} is an account of another server, which cannot be removed here; what it posted \
                 can: ostrakon user delete_activities {} --remote",
                self.nickname, self.nickname
            ))),
            account => Ok(account),
        }
    }
}
