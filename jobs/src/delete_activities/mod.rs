//! Deletes everything an account has posted, liked and boosted (docs/semantics.md 1).
//!
//! A batch walks the account's activities in the order of their ids, locks the objects they are
//! about, decides in memory what the server would write for each ([`decide`]), and writes it with
//! one statement per table ([`write`]).

mod decide;
mod deletion_rows;
mod read;
mod server_jobs;
mod sql;
mod via_server;
mod write;

use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    engine::{Batch, Class, Count, Job, JobError, Plan, Skipped},
    pleroma::{Actor, Changed, Flavour, Server, find_actor_by_ap_id, refresh_accounts, stale_note},
};
use via_server::Purges;

/// Deletes an account's posts and takes back its likes and boosts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteActivities {
    /// As typed.
    pub nickname: String,
    /// The account's ActivityPub id.
    pub actor: String,
    /// Accept an account of another server: clean up here, tell nobody.
    #[serde(default)]
    pub remote: bool,
    /// Have the running server delete the posts, so that it forgets them as well.
    #[serde(default, skip_serializing_if = "is_false")]
    pub via_server: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunCursor {
    /// In the account's history.
    #[serde(flatten)]
    pub place: Cursor,
    /// Whether the account's row has changed, so that the server has to read it anew.
    #[serde(default, skip_serializing_if = "is_false")]
    pub changed: bool,
    /// When the server is to delete the last of the posts that were left to it (UTC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_until: Option<NaiveDateTime>,
}

/// A place in an account's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The last activity that was walked over.
    pub after: Uuid,
    /// The last activity that existed when the run began; later ones are left alone.
    pub until: Uuid,
}

impl Job for DeleteActivities {
    const NAME: &'static str = "delete_activities";
    const CLASS: Class = Class::Long;
    const HEAVY: bool = true;
    type World = Server;
    type Cursor = RunCursor;

    fn subject(&self) -> &str {
        &self.nickname
    }

    fn dedupe_key(&self) -> String {
        format!("delete_activities:{}", self.actor)
    }

    async fn plan(
        &self,
        server: &Server,
        db: &mut PgConnection,
    ) -> Result<Plan<RunCursor>, JobError> {
        let actor = self.actor(server, db).await?;
        let until = read::last_activity(db, &self.actor).await?;
        let cursor = Cursor { after: Uuid::nil(), until: until.unwrap_or(Uuid::nil()) };
        let [posts, likes, boosts] = read::count(db, &self.actor, cursor.until).await?;
        let mut notes = notes(server, &actor);
        notes.extend(self.notes_on_the_server(server, posts));
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
        server: &Server,
        db: &mut PgConnection,
        cursor: RunCursor,
        limit: i64,
    ) -> Result<Batch<RunCursor>, JobError> {
        let actor = self.actor(server, db).await?;
        let mut purges =
            self.via_server.then_some(Purges { asked_until: cursor.asked_until, asked: 0 });
        let batch = delete_some(server, db, &actor, purges.as_mut(), cursor.place, limit).await?;
        let changed = cursor.changed || is_written(db, &actor).await?;
        let asked_until = purges.and_then(|purges| purges.asked_until);
        Ok(batch.map(|place| RunCursor { place, changed, asked_until }))
    }

    async fn skip(
        &self,
        server: &Server,
        db: &mut PgConnection,
        cursor: RunCursor,
    ) -> Result<Option<Skipped<RunCursor>>, JobError> {
        let walked = read::walk(db, server, &self.actor, &cursor.place, 1).await?;
        Ok(walked.into_iter().next().map(|activity| Skipped {
            item: activity.ap_id.unwrap_or_else(|| activity.id.to_string()),
            cursor: RunCursor {
                place: Cursor { after: activity.id, until: cursor.place.until },
                ..cursor
            },
        }))
    }

    async fn finish(
        &self,
        server: &Server,
        db: &mut PgConnection,
        cursor: &RunCursor,
        parked: i64,
    ) -> Result<(), JobError> {
        if cursor.changed {
            // Once, and not in every batch: nobody needs to see the number of posts fall.
            let actor = self.actor(server, db).await?;
            refresh_accounts(db, server, &[actor.id], Changed::Fields).await?;
        }
        let [posts, likes, boosts] = read::count(db, &self.actor, cursor.place.until).await?;
        // The server has yet to delete the posts that were left to it.
        let left = if self.via_server { likes + boosts } else { posts + likes + boosts };
        if left > parked {
            return Err(JobError::fail(format!(
                "the recount found {left} posts, likes and boosts of {} where only the {parked} \
                 parked ones should be left",
                self.actor
            )));
        }
        Ok(())
    }
}

impl DeleteActivities {
    /// Looks the account up again: it may have changed since the run was asked for.
    async fn actor(&self, server: &Server, db: &mut PgConnection) -> Result<Actor, JobError> {
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
        if !actor.active && actor.local && server.shape.flavour == Flavour::Pleroma22 {
            return Err(JobError::Refuse(format!(
                "{} is deactivated, and this release of Pleroma deletes nothing of deactivated \
                 accounts. Activate it first: kenoma user activate {}",
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

    /// What a person should know of what the running server does, and shows.
    fn notes_on_the_server(&self, server: &Server, posts: i64) -> Option<String> {
        if posts == 0 {
            None
        } else if self.via_server {
            Some(
                "the server itself deletes the posts, about 50 a second, after this run has asked \
                 for them; that takes longer, and only likes and boosts are counted again at the \
                 end of the run"
                    .to_owned(),
            )
        } else {
            stale_note(server, "the number of posts and the pins of the account")
        }
    }
}

/// Deletes the next activities of an account, or leaves posts to the server.
async fn delete_some(
    server: &Server,
    db: &mut PgConnection,
    actor: &Actor,
    purges: Option<&mut Purges>,
    cursor: Cursor,
    limit: i64,
) -> Result<Batch<Cursor>, JobError> {
    let walked = read::walk(db, server, &actor.ap_id, &cursor, limit).await?;
    let Some(last) = walked.last() else {
        let cursor = Cursor { after: cursor.until, ..cursor };
        return Ok(Batch { cursor, end: true, done: 0, parked: Vec::new() });
    };
    let next = Cursor { after: last.id, until: cursor.until };
    let mut objects = read::lock_objects(db, &walked).await?;
    let mut there = read::still_there(db, walked).await?;
    let mut done = 0;
    if let Some(purges) = purges {
        there = purges.ask(server, db, there, &objects).await?;
        done += purges.asked;
    }
    read::insert_missing(db, &actor.ap_id, &there, &mut objects).await?;
    let (writes, parked) = decide::decide(server, actor, &there, &objects);
    done += write::apply(db, server, actor, &cursor, writes).await?;
    Ok(Batch { cursor: next, end: false, done, parked })
}

/// Whether the account's row was written in this transaction.
async fn is_written(db: &mut PgConnection, actor: &Actor) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "select xmin::text = (txid_current() % 4294967296)::text from public.users where id = $1",
    )
    .bind(actor.id)
    .fetch_one(db)
    .await
}

/// What a person should know before saying yes.
fn notes(server: &Server, actor: &Actor) -> Vec<String> {
    let silent = actor.local && !actor.active && server.federating;
    silent
        .then(|| {
            "the account is deactivated, so the server will not be able to tell other servers of \
             the deletions; activate it first if they shall know"
                .to_owned()
        })
        .into_iter()
        .collect()
}
