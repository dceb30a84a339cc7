//! Finding what depends on what is removed.

use std::collections::{HashMap, HashSet};

use sqlx::PgConnection;
use url::Url;
use uuid::Uuid;

use super::{Activity, Object, Removal};
use crate::{
    delete_activities::{allowance, what_hangs_on_them_fits},
    purge_instance::{count, known::Known, sql},
};
use ostrakon_server::{Server, as_public};

/// Activities that take something back or answer it.
const ANSWERS: [&str; 3] = ["Undo", "Accept", "Reject"];

/// Whether an object without an author is on the host of an account.
fn on_host_of(object: &str, actor: &str) -> bool {
    let host = |text: &str| Url::parse(text).ok()?.host_str().map(str::to_owned);
    host(object).is_some_and(|object| Some(object) == host(actor))
}

impl Removal {
    /// Finds what depends on activities of the host's actors.
    pub(in crate::purge_instance) async fn find(
        db: &mut PgConnection,
        server: &Server,
        known: &Known,
        activities: Vec<Activity>,
        limit: i64,
    ) -> sqlx::Result<Self> {
        let mut by_activity: HashMap<&str, &str> = HashMap::new();
        for activity in &activities {
            let (Some(object), Some(actor)) = (&activity.object, &activity.actor) else { continue };
            let creates = ["Create", "Delete"].contains(&activity.kind.as_str());
            if creates && !known.keeps(object) {
                by_activity.insert(object, actor);
            }
        }
        let ap_ids: Vec<&str> = by_activity.keys().copied().collect();
        let mut objects = facts(db, server, &[], &ap_ids).await?;
        objects.retain(|object| match (&object.actor, &object.ap_id) {
            (Some(actor), _) => known.actor(actor).is_some_and(|actor| !actor.keeps_posts),
            (None, Some(ap_id)) => {
                let actor = by_activity.get(ap_id.as_str());
                object.kind == "Tombstone" && actor.is_some_and(|actor| on_host_of(ap_id, actor))
            }
            (None, None) => false,
        });
        Self { activities, objects, ..Self::default() }.with_others(db, server, known, limit).await
    }

    /// Finds what depends on objects.
    pub(in crate::purge_instance) async fn find_rows(
        db: &mut PgConnection,
        server: &Server,
        known: &Known,
        rows: &[i64],
        limit: i64,
    ) -> sqlx::Result<Self> {
        let mut objects = facts(db, server, rows, &[]).await?;
        // The rows may have been listed before somebody reported one of them.
        objects.retain(|object| !object.ap_id.as_deref().is_some_and(|id| known.keeps(id)));
        Self { objects, ..Self::default() }.with_others(db, server, known, limit).await
    }

    /// What removes only activities, with the answers to them.
    pub(in crate::purge_instance) async fn find_answers(
        db: &mut PgConnection,
        server: &Server,
        known: &Known,
        activities: Vec<Activity>,
        limit: i64,
    ) -> sqlx::Result<Self> {
        Self { activities, ..Self::default() }.with_others(db, server, known, limit).await
    }

    /// Adds what other activities there are about these objects and activities, and the answers to
    /// those.
    async fn with_others(
        mut self,
        db: &mut PgConnection,
        server: &Server,
        known: &Known,
        limit: i64,
    ) -> sqlx::Result<Self> {
        self.add_votes(db, server).await?;
        let allowed = allowance(limit);
        let own: HashSet<Uuid> = self.activities.iter().map(|activity| activity.id).collect();
        let subjects: Vec<&str> = self
            .objects
            .iter()
            .filter_map(|object| object.ap_id.as_deref())
            .chain(self.activities.iter().filter_map(|activity| activity.ap_id.as_deref()))
            .collect();
        let mut about =
            find_about(db, server, &subjects, allowed + count(&self.activities)).await?;
        about.retain(|activity| !own.contains(&activity.id) && !known.stays(activity));
        let emoji = self.with_emoji_of_host(db, server, known).await?;
        about.extend(emoji.into_iter().filter(|emoji| !own.contains(&emoji.id)));
        let liked: Vec<&str> = about.iter().filter_map(|about| about.ap_id.as_deref()).collect();
        let found: HashSet<Uuid> = about.iter().map(|about| about.id).collect();
        let mut answers = find_about(db, server, &liked, allowed).await?;
        answers.retain(|answer| {
            ANSWERS.contains(&answer.kind.as_str())
                && !own.contains(&answer.id)
                && !found.contains(&answer.id)
                && !known.stays(answer)
        });
        self.more = count(&about) > allowed;
        about.extend(answers);
        self.about = about;
        if !self.more {
            let all: Vec<Uuid> = self.all().map(|activity| activity.id).collect();
            self.more = !what_hangs_on_them_fits(db, &all, allowed).await?;
        }
        Ok(self)
    }

    /// Finds reactions of others with a custom emoji of the host, on what its actors reacted to.
    async fn with_emoji_of_host(
        &self,
        db: &mut PgConnection,
        server: &Server,
        known: &Known,
    ) -> sqlx::Result<Vec<Activity>> {
        let reacted = self.activities.iter().filter(|activity| activity.kind == "EmojiReact");
        let objects: Vec<&str> = reacted.filter_map(|reacted| reacted.object.as_deref()).collect();
        if objects.is_empty() {
            return Ok(Vec::new());
        }
        sqlx::query_as(sql::emoji(server)).bind(objects).bind(&known.hosts).fetch_all(db).await
    }

    /// Adds votes of others in polls that are removed: a vote is an object, and nothing without its
    /// poll.
    async fn add_votes(&mut self, db: &mut PgConnection, server: &Server) -> sqlx::Result<()> {
        let polls: Vec<&str> =
            self.objects.iter().filter_map(|object| object.ap_id.as_deref()).collect();
        if polls.is_empty() {
            return Ok(());
        }
        let known: HashSet<i64> = self.objects.iter().map(|object| object.row).collect();
        let mut votes: Vec<i64> = sqlx::query_scalar(
            "select o.id from public.objects o
             where o.data ->> 'inReplyTo' = any ($1) and o.data ->> 'type' = 'Answer'",
        )
        .bind(polls)
        .fetch_all(&mut *db)
        .await?;
        votes.retain(|row| !known.contains(row));
        self.objects.extend(facts(db, server, &votes, &[]).await?);
        Ok(())
    }
}

async fn facts(
    db: &mut PgConnection,
    server: &Server,
    rows: &[i64],
    ap_ids: &[&str],
) -> sqlx::Result<Vec<Object>> {
    if rows.is_empty() && ap_ids.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::query_as(include_str!("../sql/facts.sql"))
        .bind(rows)
        .bind([as_public().to_owned(), server.local_public()])
        .bind(ap_ids)
        .fetch_all(db)
        .await
}

/// Finds activities about objects or activities: at most one more than allowed.
async fn find_about(
    db: &mut PgConnection,
    server: &Server,
    subjects: &[&str],
    allowed: i64,
) -> sqlx::Result<Vec<Activity>> {
    if subjects.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::query_as(sql::about(server)).bind(subjects).bind(allowed + 1).fetch_all(db).await
}
