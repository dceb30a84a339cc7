//! Deletes everything an account has posted, liked and boosted (docs/semantics.md 1).
//!
//! A batch walks the account's activities in the order of their ids and locks the objects that they
//! are about. It decides in memory what the server would write for each ([`decide`]), and writes it
//! with one statement per table ([`write`]).

mod about;
mod batch;
mod decide;
mod deletion_rows;
mod read;
mod recheck;
mod server_jobs;
mod sql;
mod via_server;
mod write;

use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

pub(crate) use about::{allowance, what_hangs_on_them_fits};
pub(crate) use batch::{DeliverBy, FederationMode, delete_some, deliveries_to_wait_for, skip_one};
pub(crate) use deletion_rows::base_activity;
pub(crate) use deletion_rows::insert_activity;
use ostrakon_engine::{
    Batch, Class, Count, Job, JobError, Left, Plan, Recount, Skipped, Table, tables,
};
use ostrakon_server::{
    Actor, Changed, Server, count_inboxes, find_actor_by_ap_id, missing_index_notes,
    refresh_accounts, spread_note, stale_note,
};
pub(crate) use read::{count, last_activity};
pub(crate) use recheck::{count_undone, recheck};
pub(crate) use server_jobs::About;
use via_server::Purges;
pub(crate) use write::{lower_replies, remove_hashtags};

/// Deletes an account's posts and takes back its likes and boosts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteActivities {
    /// Nickname as typed by the operator.
    pub nickname: String,
    /// The account's ActivityPub id.
    pub actor: String,
    /// Whether to accept an account of another server: clean up here, notify no other server.
    #[serde(default)]
    pub remote: bool,
    /// Whether to let the running server delete the posts, so that it removes them from memory as
    /// well.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub via_server: bool,
}

/// Progress of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunCursor {
    /// Position in the account's history.
    #[serde(flatten)]
    pub place: Cursor,
    /// Whether the account's row has changed, so that the server must reload the account.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub changed: bool,
    /// Time at which the server should delete the last of the posts left to it (UTC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_until: Option<NaiveDateTime>,
}

/// Position in an account's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Last activity walked over.
    pub after: Uuid,
    /// Last activity that existed when the run began; the run leaves later ones alone.
    pub until: Uuid,
}

impl Cursor {
    /// Position before the first activity.
    fn beginning(&self) -> Self {
        Self { after: Uuid::nil(), until: self.until }
    }

    /// Position immediately before an activity.
    fn before(&self, activity: Uuid) -> Self {
        Self { after: Uuid::from_u128(activity.as_u128().saturating_sub(1)), until: self.until }
    }
}

impl Job for DeleteActivities {
    const NAME: &'static str = "delete_activities";
    const CLASS: Class = Class::Long;
    const HEAVY: bool = true;
    const TABLES: &'static [Table] = tables![
        "public.activities",
        "public.objects",
        "public.notifications",
        "public.bookmarks",
        "public.hashtags_objects",
        "public.counter_cache",
        "public.oban_jobs"
    ];
    type World = Server;
    type Cursor = RunCursor;
    type ClaimState = ();

    fn subject(&self) -> &str {
        &self.nickname
    }

    fn dedupe_key(&self) -> String {
        format!("delete_activities:{}", self.actor)
    }

    async fn plan(
        &self,
        db: &mut PgConnection,
        server: &Server,
        _state: &mut (),
    ) -> Result<Plan<RunCursor>, JobError> {
        let actor = self.actor(db, server).await?;
        server.follower_inboxes.forget(actor.id);
        let until = read::last_activity(db, &self.actor).await?;
        let cursor = Cursor { after: Uuid::nil(), until: until.unwrap_or(Uuid::nil()) };
        let [posts, likes, boosts] = read::count(db, &self.actor, cursor.until).await?;
        let mut notes = notes(db, server, &actor, posts + likes + boosts).await?;
        notes.extend(self.notes_on_the_server(server, posts));
        if posts + likes + boosts > 0 {
            notes.extend(missing_index_notes(db).await?);
        }
        Ok(Plan {
            counts: vec![
                Count::new("posts", posts),
                Count::new("likes", likes),
                Count::new("boosts", boosts),
            ],
            notes,
            cursor: RunCursor { place: cursor, changed: false, asked_until: None },
        })
    }

    async fn batch(
        &self,
        db: &mut PgConnection,
        server: &Server,
        _state: &mut (),
        cursor: RunCursor,
        limit: i64,
    ) -> Result<Batch<RunCursor>, JobError> {
        let actor = self.actor(db, server).await?;
        let manner = FederationMode::of(server, &actor);
        let mut purges =
            self.via_server.then_some(Purges { asked_until: cursor.asked_until, asked: 0 });
        let deleted =
            delete_some(db, server, &actor, manner, purges.as_mut(), cursor.place, limit).await?;
        let changed = cursor.changed || deleted.account;
        let asked_until = purges.and_then(|purges| purges.asked_until);
        Ok(deleted.batch.map(|place| RunCursor { place, changed, asked_until }))
    }

    async fn skip(
        &self,
        db: &mut PgConnection,
        server: &Server,
        _state: &mut (),
        cursor: RunCursor,
    ) -> Result<Option<Skipped<RunCursor>>, JobError> {
        let skipped = skip_one(db, server, &self.actor, cursor.place).await?;
        Ok(skipped.map(|skipped| Skipped {
            item: skipped.item,
            cursor: RunCursor { place: skipped.cursor, ..cursor },
        }))
    }

    async fn recheck(
        &self,
        db: &mut PgConnection,
        server: &Server,
        written: &Value,
    ) -> Result<Vec<Count>, JobError> {
        recheck(db, server, &self.actor, written).await
    }

    async fn count_undone(
        &self,
        db: &mut PgConnection,
        server: &Server,
        written: &Value,
    ) -> Result<i64, JobError> {
        count_undone(db, server, written).await
    }

    async fn finish(
        &self,
        db: &mut PgConnection,
        server: &Server,
        _state: &mut (),
        cursor: &RunCursor,
        parked: i64,
    ) -> Result<Recount<RunCursor>, JobError> {
        let [posts, likes, boosts] = read::count(db, &self.actor, cursor.place.until).await?;
        // The server has yet to delete the posts left to it.
        let left = if self.via_server { likes + boosts } else { posts + likes + boosts };
        if left > parked {
            return Ok(Recount::Left(Left {
                items: left,
                what: format!("posts, likes and boosts of {}", self.actor),
                cursor: RunCursor { place: cursor.place.beginning(), ..cursor.clone() },
            }));
        }
        if cursor.changed {
            // Only once, not in every batch: intermediate post counts are of no interest.
            let actor = self.actor(db, server).await?;
            refresh_accounts(db, server, &[actor.id], Changed::Fields).await?;
        }
        Ok(Recount::Right)
    }
}

impl DeleteActivities {
    /// Looks up the account again: it may have changed since the request.
    async fn actor(&self, db: &mut PgConnection, server: &Server) -> Result<Actor, JobError> {
        let actor = find_actor_by_ap_id(db, server, &self.actor).await?.ok_or_else(|| {
            JobError::fail(format!("there is no account {} any more", self.actor))
        })?;
        if !actor.local && !self.remote {
            return Err(JobError::Refuse(format!(
                "{} is an account of another server. To clean it up here without telling anybody, \
                 add --remote",
                self.nickname
            )));
        }
        if !actor.active && actor.local && !server.dialect.deletes_of_inactive {
            return Err(JobError::Refuse(format!(
                "{} is deactivated, and this release of Pleroma deletes nothing of deactivated \
                 accounts. Activate it first: ostrakon user activate {}",
                self.nickname, self.nickname
            )));
        }
        if self.via_server && !(actor.local && actor.active) {
            return Err(JobError::Refuse(format!(
                "{} is not an active account of this server, and only the posts of such an account \
                 can be left to the server. Leave out --via-server",
                self.nickname
            )));
        }
        Ok(actor)
    }

    /// Notes for the operator on what the running server does and keeps showing.
    fn notes_on_the_server(&self, server: &Server, posts: i64) -> Option<String> {
        if posts == 0 {
            None
        } else if self.via_server {
            Some(
                "the server itself deletes the posts, about 50 a second, after this run has asked \
                 for them. At its end, the run recounts only likes and boosts"
                    .to_owned(),
            )
        } else {
            stale_note(server, "the number of posts and the pins of the account")
        }
    }
}

/// Notes for the operator to read before confirming.
async fn notes(
    db: &mut PgConnection,
    server: &Server,
    actor: &Actor,
    activities: i64,
) -> Result<Vec<String>, JobError> {
    if !actor.local || activities == 0 {
        return Ok(Vec::new());
    }
    if FederationMode::of(server, actor).telling != DeliverBy::Direct {
        let spread = spread_note(server, activities);
        return Ok(spread
            .map(|spread| {
                format!(
                    "{spread}; do not deactivate or remove the account before the end: the server \
                     delivers nothing for a deactivated account"
                )
            })
            .into_iter()
            .collect());
    }
    let inboxes = count_inboxes(db, server, actor).await?;
    let why = if actor.active { "as federation.fanout says" } else { "the account is inactive" };
    let direct = (inboxes > 0).then(|| {
        format!(
            "ostrakon itself makes the deliveries to other servers ({why}): up to {inboxes} for each \
             post, like and boost"
        )
    });
    let spread = spread_note(server, inboxes.saturating_mul(activities));
    Ok(direct.into_iter().chain(spread).collect())
}
