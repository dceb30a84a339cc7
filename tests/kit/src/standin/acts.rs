//! The acts of a client, and the statements that they share.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rand::{RngExt as _, rngs::StdRng};
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Turns;
use super::people::{People, Person};
use crate::community::Community;
use crate::flake::flake_text;
use crate::world::PUBLIC;

/// One transaction of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Post,
    Reply,
    Like,
    Boost,
    React,
    Vote,
    Edit,
    Delete,
    Follow,
    Unfollow,
    Pin,
    See,
}

impl Act {
    /// Each act with its name and its frequency in percent.
    const ALL: [(Self, &str, u32); 12] = [
        (Self::Post, "posts", 8),
        (Self::Reply, "replies", 22),
        (Self::Like, "likes", 20),
        (Self::Boost, "boosts", 10),
        (Self::React, "reactions", 8),
        (Self::Vote, "votes", 5),
        (Self::Edit, "edits", 6),
        (Self::Delete, "deletions", 4),
        (Self::Follow, "follows", 6),
        (Self::Unfollow, "unfollows", 4),
        (Self::Pin, "pins", 2),
        (Self::See, "looks at notifications", 5),
    ];

    pub(super) fn choose(random: &mut StdRng) -> Self {
        let mut left = random.random_range(0..100_u32);
        for (act, _, share) in Self::ALL {
            match left.checked_sub(share) {
                Some(rest) => left = rest,
                None => return act,
            }
        }
        Self::Post
    }

    pub(super) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(act, ..)| *act == self).map_or("", |(_, name, _)| name)
    }
}

/// Deletion time in the Tombstone of a post that a client deleted; distinguishes it from others.
pub(super) const DELETED: &str = "2026-01-01T00:00:00Z";

/// One client of the server.
pub(super) struct Client {
    pub(super) db: PgConnection,
    pub(super) people: Arc<People>,
    pub(super) turns: Arc<Turns>,
    pub(super) random: StdRng,
}

/// A post that a client sees.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Seen {
    pub(super) row: i64,
    pub(super) object: String,
    pub(super) author: String,
    pub(super) parent: Option<String>,
}

impl Client {
    /// Performs an act. Returns whether there was anything to act on.
    pub(super) async fn perform(&mut self, act: Act) -> sqlx::Result<bool> {
        match act {
            Act::Post => self.post(None).await,
            Act::Reply => match self.look().await? {
                Some(seen) => self.post(Some(seen)).await,
                None => Ok(false),
            },
            Act::Like => self.like().await,
            Act::Boost => self.boost().await,
            Act::React => self.react().await,
            Act::Vote => self.vote().await,
            Act::Edit => self.edit().await,
            Act::Delete => self.delete().await,
            Act::Follow => self.follow().await,
            Act::Unfollow => self.unfollow().await,
            Act::Pin => self.pin().await,
            Act::See => self.see_notifications().await,
        }
    }

    /// Chooses a post: mostly one of the account's oldest, which a run deletes first, and sometimes
    /// one that the account interacted with.
    pub(super) async fn look(&mut self) -> sqlx::Result<Option<Seen>> {
        if self.random.random_bool(0.3) && !self.people.touched.is_empty() {
            let people = Arc::clone(&self.people);
            let object = &people.touched[self.random.random_range(0..people.touched.len())];
            return self.look_at(object).await;
        }
        self.sample_own(&["Note", "Question"]).await
    }

    async fn look_at(&mut self, object: &str) -> sqlx::Result<Option<Seen>> {
        sqlx::query_as(
            "select id as row, data ->> 'id' as object, data ->> 'actor' as author,
                    data ->> 'inReplyTo' as parent
             from objects where data ->> 'id' = $1 and data ->> 'type' in ('Note', 'Question')",
        )
        .bind(object)
        .fetch_optional(&mut self.db)
        .await
    }

    /// Chooses a post of the account, of one of these types.
    pub(super) async fn sample_own(&mut self, kinds: &[&str]) -> sqlx::Result<Option<Seen>> {
        let skipped = self.random.random_range(0..60_i64);
        sqlx::query_as(
            "select o.id as row, o.data ->> 'id' as object, o.data ->> 'actor' as author,
                    o.data ->> 'inReplyTo' as parent
             from activities a join objects o on o.data ->> 'id' = associated_object_id(a.data)
             where a.actor = $1 and a.data ->> 'type' = 'Create' and o.data ->> 'type' = any ($2)
             order by a.id nulls first limit 1 offset $3",
        )
        .bind(&self.people.account.ap_id)
        .bind(kinds)
        .bind(skipped)
        .fetch_optional(&mut self.db)
        .await
    }

    /// Whether another client has deleted the post since it was seen. Deletions by other programs
    /// are ignored, as the server would not notice them.
    pub(super) async fn has_been_deleted(&mut self, seen: &Seen) -> sqlx::Result<bool> {
        sqlx::query_scalar(
            "select data ->> 'deleted' is not distinct from $2 from objects where id = $1",
        )
        .bind(seen.row)
        .bind(DELETED)
        .fetch_one(&mut self.db)
        .await
    }

    /// Returns a random local account other than the main one.
    pub(super) fn local(&mut self) -> Person {
        self.people.locals[self.random.random_range(0..self.people.locals.len())].clone()
    }

    /// Returns a random account, local or remote.
    pub(super) fn anybody(&mut self) -> Person {
        if self.random.random_bool(0.5) || self.people.remotes.is_empty() {
            return self.local();
        }
        self.people.remotes[self.random.random_range(0..self.people.remotes.len())].clone()
    }

    /// Generates an id like the server's.
    pub(super) fn flake(&mut self) -> Uuid {
        let ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        Uuid::from_u128((ms << 64) | u128::from(self.random.random::<u64>()))
    }

    /// Generates an address for a new object or activity.
    pub(super) fn url(&mut self, kind: &str) -> String {
        format!("{}/{kind}/{}", Community::BASE, Uuid::from_u128(self.random.random()))
    }

    /// Returns a reaction to a post.
    pub(super) fn reaction(&mut self, kind: &str, by: &Person, seen: &Seen) -> Value {
        json!({
            "id": self.url("activities"), "type": kind, "actor": by.ap_id, "object": seen.object,
            "to": [seen.author, by.followers], "cc": [PUBLIC], "bto": [], "bcc": [],
        })
    }
}

/// Inserts an activity; its recipients are `to`, then `cc`.
pub(super) async fn insert_activity(
    db: &mut PgConnection,
    id: Uuid,
    by: &Person,
    data: &Value,
) -> sqlx::Result<()> {
    sqlx::query(
        "insert into activities (id, data, actor, recipients, local, inserted_at, updated_at)
         values ($1, $2, $3, array(select jsonb_array_elements_text($2 -> 'to' || ($2 -> 'cc'))), $4,
                 timezone('UTC', now()), timezone('UTC', now()))",
    )
    .bind(id)
    .bind(data)
    .bind(&by.ap_id)
    .bind(by.local)
    .execute(db)
    .await?;
    Ok(())
}

/// Notifies the author of a post, if that is a local account other than `by`.
pub(super) async fn notify(
    db: &mut PgConnection,
    activity: Uuid,
    kind: &str,
    by: &Person,
    author: &str,
) -> sqlx::Result<()> {
    sqlx::query(
        "insert into notifications (user_id, activity_id, type, seen, inserted_at, updated_at)
         select id, $1, $2::notification_type, false, timezone('UTC', now()), timezone('UTC', now())
         from users where ap_id = $3 and local and id <> $4",
    )
    .bind(activity)
    .bind(kind)
    .bind(author)
    .bind(by.id)
    .execute(db)
    .await?;
    Ok(())
}

/// Queues federation of an activity in the server's own queue.
pub(super) async fn publish(
    db: &mut PgConnection,
    activity: Uuid,
    by: &Person,
) -> sqlx::Result<()> {
    if !by.local {
        return Ok(());
    }
    sqlx::query(
        "insert into oban_jobs (queue, worker, args, max_attempts)
         values ('federator_outgoing', 'Pleroma.Workers.PublisherWorker', $1, 5)",
    )
    .bind(json!({ "op": "publish", "activity_id": flake_text(activity) }))
    .execute(db)
    .await?;
    Ok(())
}

/// Reads an object's whole document, as the server does before it writes it back.
pub(super) async fn document(db: &mut PgConnection, row: i64) -> sqlx::Result<Value> {
    sqlx::query_scalar("select data from objects where id = $1").bind(row).fetch_one(db).await
}

/// Writes an object's whole document back.
pub(super) async fn write_document(
    db: &mut PgConnection,
    row: i64,
    data: &Value,
) -> sqlx::Result<()> {
    sqlx::query("update objects set data = $2, updated_at = timezone('UTC', now()) where id = $1")
        .bind(row)
        .bind(data)
        .execute(db)
        .await?;
    Ok(())
}
