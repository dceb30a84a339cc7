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
mod write;

pub(crate) use read::{count, last_activity};
pub(crate) use server_jobs::{About, publish_job};

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    engine::{Batch, Class, Count, Job, JobError, Plan, Skipped},
    pleroma::{Actor, Fanout, Flavour, Server, count_inboxes, find_actor_by_ap_id},
};

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
}

/// Where a run stands.
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
    type Cursor = Cursor;

    fn subject(&self) -> &str {
        &self.nickname
    }

    fn dedupe_key(&self) -> String {
        format!("delete_activities:{}", self.actor)
    }

    async fn plan(&self, server: &Server, db: &mut PgConnection) -> Result<Plan<Cursor>, JobError> {
        let actor = self.actor(server, db).await?;
        let until = read::last_activity(db, &self.actor).await?;
        let cursor = Cursor { after: Uuid::nil(), until: until.unwrap_or(Uuid::nil()) };
        let [posts, likes, boosts] = read::count(db, &self.actor, cursor.until).await?;
        Ok(Plan {
            counts: vec![
                Count::new("posts", posts),
                Count::new("likes", likes),
                Count::new("boosts", boosts),
            ],
            notes: notes(server, db, &actor, posts + likes + boosts).await?,
            cursor,
        })
    }

    async fn batch(
        &self,
        server: &Server,
        db: &mut PgConnection,
        cursor: Cursor,
        limit: i64,
    ) -> Result<Batch<Cursor>, JobError> {
        let actor = self.actor(server, db).await?;
        let manner = Manner::of(server, &actor);
        delete_some(server, db, &actor, manner, cursor, limit).await
    }

    async fn skip(
        &self,
        server: &Server,
        db: &mut PgConnection,
        cursor: Cursor,
    ) -> Result<Option<Skipped<Cursor>>, JobError> {
        skip_one(server, db, &self.actor, cursor).await
    }

    async fn finish(
        &self,
        _server: &Server,
        db: &mut PgConnection,
        cursor: &Cursor,
        parked: i64,
    ) -> Result<(), JobError> {
        let left: i64 = read::count(db, &self.actor, cursor.until).await?.iter().sum();
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
        Ok(actor)
    }
}

/// How the activities of an account are deleted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    /// Who tells other servers.
    pub(crate) telling: Telling,
    /// Whether a Delete names the activity that made the post: the server cannot find that of an
    /// inactive author.
    pub(crate) names_create: bool,
}

/// Who tells other servers of a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Telling {
    /// The server, by a `publish` job.
    Server,
    /// This program, by a `publish_one` job per inbox.
    Direct,
    /// Nobody.
    Nobody,
}

impl Manner {
    /// As the settings say, except that the server can tell nothing in the name of an inactive
    /// account.
    fn of(server: &Server, actor: &Actor) -> Self {
        let by_server = actor.active && server.federation.fanout == Fanout::Server;
        let telling = if by_server { Telling::Server } else { Telling::Direct };
        Self { telling, names_create: actor.active }
    }
}

/// Deletes the next activities of an account.
pub(crate) async fn delete_some(
    server: &Server,
    db: &mut PgConnection,
    actor: &Actor,
    manner: Manner,
    cursor: Cursor,
    limit: i64,
) -> Result<Batch<Cursor>, JobError> {
    let walked = read::walk(db, server, &actor.ap_id, &cursor, limit).await?;
    let Some(last) = walked.last() else {
        let cursor = Cursor { after: cursor.until, ..cursor };
        return Ok(Batch { cursor, end: true, done: 0, parked: Vec::new(), wait: None });
    };
    let next = Cursor { after: last.id, until: cursor.until };
    let mut objects = read::lock_objects(db, &walked).await?;
    let there = read::still_there(db, walked).await?;
    read::insert_missing(db, &actor.ap_id, &there, &mut objects).await?;
    let (writes, parked) = decide::decide(server, actor, manner, &there, &objects);
    let done = write::apply(db, server, actor, &cursor, writes).await?;
    Ok(Batch { cursor: next, end: false, done, parked, wait: None })
}

/// Steps over the next activity.
pub(crate) async fn skip_one(
    server: &Server,
    db: &mut PgConnection,
    actor: &str,
    cursor: Cursor,
) -> Result<Option<Skipped<Cursor>>, JobError> {
    let walked = read::walk(db, server, actor, &cursor, 1).await?;
    Ok(walked.into_iter().next().map(|activity| Skipped {
        item: activity.ap_id.unwrap_or_else(|| activity.id.to_string()),
        cursor: Cursor { after: activity.id, until: cursor.until },
    }))
}

/// What a person should know before saying yes.
async fn notes(
    server: &Server,
    db: &mut PgConnection,
    actor: &Actor,
    activities: i64,
) -> Result<Vec<String>, JobError> {
    if !actor.local || Manner::of(server, actor).telling != Telling::Direct || activities == 0 {
        return Ok(Vec::new());
    }
    let inboxes = count_inboxes(db, server, actor).await?;
    let why = if actor.active { "as federation.fanout says" } else { "the account is inactive" };
    Ok((inboxes > 0)
        .then(|| {
            format!(
                "kenoma itself makes the deliveries to other servers ({why}): up to {inboxes} for \
                 each post, like and boost"
            )
        })
        .into_iter()
        .collect())
}
