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

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    engine::{Batch, Class, Count, Job, JobError, Plan, Skipped},
    pleroma::{Actor, Flavour, Server, find_actor_by_ap_id},
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
            notes: notes(server, &actor),
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
        let walked = read::walk(db, server, &self.actor, &cursor, limit).await?;
        let Some(last) = walked.last() else {
            let cursor = Cursor { after: cursor.until, ..cursor };
            return Ok(Batch { cursor, end: true, done: 0, parked: Vec::new() });
        };
        let next = Cursor { after: last.id, until: cursor.until };
        let mut objects = read::lock_objects(db, &walked).await?;
        let there = read::still_there(db, walked).await?;
        read::insert_missing(db, &self.actor, &there, &mut objects).await?;
        let (writes, parked) = decide::decide(server, &actor, &there, &objects);
        let done = write::apply(db, server, &actor, &cursor, writes).await?;
        Ok(Batch { cursor: next, end: false, done, parked })
    }

    async fn skip(
        &self,
        server: &Server,
        db: &mut PgConnection,
        cursor: Cursor,
    ) -> Result<Option<Skipped<Cursor>>, JobError> {
        let walked = read::walk(db, server, &self.actor, &cursor, 1).await?;
        Ok(walked.into_iter().next().map(|activity| Skipped {
            item: activity.ap_id.unwrap_or_else(|| activity.id.to_string()),
            cursor: Cursor { after: activity.id, until: cursor.until },
        }))
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
