//! Deletion of posts by the running server itself, so that it removes them from memory
//! (docs/semantics.md 7.11).

use std::collections::HashSet;

use chrono::{NaiveDateTime, TimeDelta};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    decide::DELETABLE,
    read::{Activity, Objects},
};
use ostrakon_server::{Actor, Flake, ObanJob, Server, insert_oban_jobs};

/// Interval between two posts that the server is asked to delete: 50 posts per second. In a
/// measurement an otherwise idle server deleted 69 per second.
const PACE: TimeDelta = TimeDelta::milliseconds(20);

/// Posts that the server is asked to delete.
#[derive(Debug, Default)]
pub(crate) struct Purges {
    /// Time at which the server should delete the last one (UTC).
    pub(super) asked_until: Option<NaiveDateTime>,
    /// Number of posts requested.
    pub(super) asked: i64,
}

impl Purges {
    /// Asks the server to delete the posts among activities. Returns those that it is not asked
    /// for: likes, boosts, and posts on which the server's own deletion would fail.
    pub(super) async fn ask(
        &mut self,
        db: &mut PgConnection,
        server: &Server,
        actor: &Actor,
        activities: Vec<Activity>,
        objects: &Objects,
    ) -> sqlx::Result<Vec<Activity>> {
        let creates: Vec<Uuid> = activities
            .iter()
            .filter(|activity| is_post(activity, objects))
            .map(|activity| activity.id)
            .collect();
        // An old-style Create embeds its object; the server's own deletion crashes on it.
        let mut posts: Vec<Uuid> = sqlx::query_scalar(
            "select id from public.activities
             where id = any ($1) and jsonb_typeof(data -> 'object') = 'string' order by id",
        )
        .bind(creates)
        .fetch_all(&mut *db)
        .await?;
        if server.schema.followed_hashtags && !posts.is_empty() {
            let failing: HashSet<Uuid> =
                sqlx::query_scalar(include_str!("server_cannot_delete.sql"))
                    .bind(&posts)
                    .bind(&actor.ap_id)
                    .fetch_all(&mut *db)
                    .await?
                    .into_iter()
                    .collect();
            posts.retain(|post| !failing.contains(post));
        }
        self.schedule(db, server, &posts).await?;
        let posts: HashSet<Uuid> = posts.into_iter().collect();
        Ok(activities.into_iter().filter(|activity| !posts.contains(&activity.id)).collect())
    }

    async fn schedule(
        &mut self,
        db: &mut PgConnection,
        server: &Server,
        posts: &[Uuid],
    ) -> sqlx::Result<()> {
        let now: NaiveDateTime =
            sqlx::query_scalar("select timezone('UTC', now())").fetch_one(&mut *db).await?;
        let mut at = self.asked_until.map_or(now, |last| now.max(last + PACE));
        let mut jobs = Vec::with_capacity(posts.len());
        for post in posts {
            jobs.push(purge_job(server, Flake(*post), at));
            self.asked_until = Some(at);
            self.asked += 1;
            at += PACE;
        }
        insert_oban_jobs(db, &jobs).await?;
        Ok(())
    }
}

/// Whether the server's own deletion would accept the activity's object.
fn is_post(activity: &Activity, objects: &Objects) -> bool {
    let facts = activity.object_id.as_deref().and_then(|id| objects.facts(id));
    activity.is_post()
        && facts.is_some_and(|facts| {
            facts.kind != "Tombstone" && DELETABLE.contains(&facts.kind.as_str())
        })
}

/// Creates the job by which the server deletes an expired post (docs/semantics.md 1.6.5).
fn purge_job(server: &Server, create: Flake, at: NaiveDateTime) -> ObanJob {
    ObanJob {
        queue: server.dialect.expiration_queue,
        worker: "Pleroma.Workers.PurgeExpiredActivity",
        args: json!({ "activity_id": create.to_string() }),
        max_attempts: 1,
        priority: 0,
        scheduled_at: Some(at),
        document: None,
    }
}
