//! Posts: new ones, replies, votes, edits and deletions.

use std::sync::Arc;

use rand::RngExt as _;
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};

use super::acts::{
    Client, DELETED, Seen, document, insert_activity, notify, publish, write_document,
};
use super::people::Person;
use crate::world::PUBLIC;

impl Client {
    /// Publishes a public post, or a reply to a post. The transaction holds the host's row in
    /// `counter_cache` from its first statement to its commit, and finally needs the row of the
    /// parent post.
    pub(super) async fn post(&mut self, parent: Option<Seen>) -> sqlx::Result<bool> {
        // Sometimes the account itself posts, until it is deactivated.
        let own = self.random.random_bool(0.1) && self.is_active().await?;
        let by = if own { self.people.account.clone() } else { self.local() };
        let (flake, object, create) = (self.flake(), self.url("objects"), self.url("activities"));
        let tag = self
            .random
            .random_bool(0.3)
            .then(|| format!("topic{}", self.random.random_range(0..50)));
        let to = json!([PUBLIC]);
        let mut cc = vec![by.followers.clone()];
        cc.extend(parent.as_ref().map(|seen| seen.author.clone()));
        let activity = json!({
            "id": create, "type": "Create", "actor": by.ap_id, "object": object, "to": to, "cc": cc,
            "directMessage": false,
        });
        let note = json!({
            "id": object, "type": "Note", "actor": by.ap_id, "to": to, "cc": cc, "content": "So it is.",
            "inReplyTo": parent.as_ref().map(|seen| &seen.object), "tag": tag.iter().collect::<Vec<_>>(),
            "attachment": [], "summary": "", "likes": [], "like_count": 0, "announcements": [],
            "announcement_count": 0,
        });
        let turns = Arc::clone(&self.turns);
        let _turn =
            turns.at(&parent.iter().map(|seen| seen.object.as_str()).collect::<Vec<_>>()).await;
        if let Some(seen) = &parent
            && self.has_been_deleted(seen).await?
        {
            return Ok(false);
        }
        let mut tx = self.db.begin().await?;
        insert_activity(&mut tx, flake, &by, &activity).await?;
        let row = insert_object(&mut tx, &note, tag.as_deref()).await?;
        count_note(&mut tx, &by, 1).await?;
        if let Some(seen) = &parent {
            count_reply(&mut tx, &seen.object, 1).await?;
            notify(&mut tx, flake, "mention", &by, &seen.author).await?;
        }
        sqlx::query(
            "insert into oban_jobs (queue, worker, args, max_attempts)
             values ('search_indexing', 'Pleroma.Workers.SearchIndexingWorker', $1, 2)",
        )
        .bind(json!({ "op": "add_to_index", "object": row }))
        .execute(&mut *tx)
        .await?;
        publish(&mut tx, flake, &by).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn has_a_create(&mut self, seen: &Seen) -> sqlx::Result<bool> {
        sqlx::query_scalar(
            "select exists (select from activities
                            where associated_object_id(data) = $1 and data ->> 'type' = 'Create')",
        )
        .bind(&seen.object)
        .fetch_one(&mut self.db)
        .await
    }

    async fn is_active(&mut self) -> sqlx::Result<bool> {
        sqlx::query_scalar("select is_active from users where id = $1")
            .bind(self.people.account.id)
            .fetch_one(&mut self.db)
            .await
    }

    /// Votes in a poll: inserts an object, and rewrites the whole document of the poll.
    pub(super) async fn vote(&mut self) -> sqlx::Result<bool> {
        let Some(poll) = self.sample_own(&["Question"]).await? else { return Ok(false) };
        let by = self.local();
        let (flake, object, create) = (self.flake(), self.url("objects"), self.url("activities"));
        let activity = json!({
            "id": create, "type": "Create", "actor": by.ap_id, "object": object, "to": [],
            "cc": [poll.author],
        });
        let answer = json!({
            "id": object, "type": "Answer", "actor": by.ap_id, "name": "yes", "inReplyTo": poll.object,
            "to": [], "cc": [poll.author],
        });
        let turns = Arc::clone(&self.turns);
        let _turn = turns.at(&[&poll.object]).await;
        if self.has_been_deleted(&poll).await? {
            return Ok(false);
        }
        let mut tx = self.db.begin().await?;
        insert_activity(&mut tx, flake, &by, &activity).await?;
        insert_object(&mut tx, &answer, None).await?;
        let mut data = document(&mut tx, poll.row).await?;
        if let Some(votes) = data.pointer_mut("/oneOf/0/replies/totalItems") {
            *votes = json!(votes.as_i64().unwrap_or_default() + 1);
        }
        data["repliesCount"] = json!(data["repliesCount"].as_i64().unwrap_or_default() + 1);
        write_document(&mut tx, poll.row, &data).await?;
        publish(&mut tx, flake, &by).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Edits a post as its author.
    pub(super) async fn edit(&mut self) -> sqlx::Result<bool> {
        let Some(seen) = self.sample_own(&["Note"]).await? else { return Ok(false) };
        let by = self.people.account.clone();
        let (flake, update) = (self.flake(), self.url("activities"));
        let activity = json!({
            "id": update, "type": "Update", "actor": by.ap_id, "object": seen.object,
            "to": [PUBLIC], "cc": [by.followers],
        });
        let turns = Arc::clone(&self.turns);
        let _turn = turns.at(&[&seen.object]).await;
        if self.has_been_deleted(&seen).await? {
            return Ok(false);
        }
        let mut tx = self.db.begin().await?;
        insert_activity(&mut tx, flake, &by, &activity).await?;
        let mut data = document(&mut tx, seen.row).await?;
        data["content"] = json!("So it was.");
        write_document(&mut tx, seen.row, &data).await?;
        publish(&mut tx, flake, &by).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Deletes a post as the server itself would, while a run may be about to delete it. Skips
    /// posts with hashtags: two clients that remove the same last hashtag would block each other.
    /// Also skips posts without a Create, whose object another client wrote back: the server would
    /// decrement the counter a second time, regardless of who deleted the post first.
    pub(super) async fn delete(&mut self) -> sqlx::Result<bool> {
        let Some(seen) = self.sample_own(&["Note"]).await? else { return Ok(false) };
        let by = self.people.account.clone();
        let (flake, delete) = (self.flake(), self.url("activities"));
        let activity = json!({
            "id": delete, "type": "Delete", "actor": by.ap_id, "object": seen.object,
            "to": [PUBLIC, by.followers], "cc": [],
        });
        let turns = Arc::clone(&self.turns);
        let keys = [Some(&seen.object), seen.parent.as_ref()];
        let _turn =
            turns.at(&keys.iter().flatten().map(|key| key.as_str()).collect::<Vec<_>>()).await;
        if !self.has_a_create(&seen).await? {
            return Ok(false);
        }
        let mut tx = self.db.begin().await?;
        insert_activity(&mut tx, flake, &by, &activity).await?;
        let buried: Option<bool> = sqlx::query_scalar(
            "update objects o
             set data = jsonb_build_object('id', o.data -> 'id', 'type', 'Tombstone', 'formerType', 'Note',
                                           'deleted', $3::text),
                 updated_at = timezone('UTC', now())
             from (select id, data from objects where id = $1 for update) as before
             where o.id = before.id and before.data ->> 'type' = 'Note'
               and not exists (select from hashtags_objects where object_id = $1)
             returning (before.data -> 'to' || (before.data -> 'cc')) ? $2",
        )
        .bind(seen.row)
        .bind(PUBLIC)
        .bind(DELETED)
        .fetch_optional(&mut *tx)
        .await?;
        let Some(was_public) = buried else {
            tx.rollback().await?;
            return Ok(false);
        };
        sqlx::query(
            "delete from activities where associated_object_id(data) = $1 and data ->> 'type' <> 'Delete'",
        )
        .bind(&seen.object)
        .execute(&mut *tx)
        .await?;
        if was_public {
            count_note(&mut tx, &by, -1).await?;
        }
        sqlx::query("update users set pinned_objects = pinned_objects - $2 where id = $1 and pinned_objects ? $2")
            .bind(by.id)
            .bind(&seen.object)
            .execute(&mut *tx)
            .await?;
        if let Some(parent) = &seen.parent {
            count_reply(&mut tx, parent, -1).await?;
        }
        publish(&mut tx, flake, &by).await?;
        tx.commit().await?;
        Ok(true)
    }
}

async fn insert_object(
    db: &mut PgConnection,
    data: &Value,
    tag: Option<&str>,
) -> sqlx::Result<i64> {
    if let Some(tag) = tag {
        sqlx::query(
            "insert into hashtags (name, inserted_at, updated_at)
             values ($1, timezone('UTC', now()), timezone('UTC', now())) on conflict (name) do nothing",
        )
        .bind(tag)
        .execute(&mut *db)
        .await?;
    }
    let row = sqlx::query_scalar(
        "insert into objects (data, inserted_at, updated_at)
         values ($1, timezone('UTC', now()), timezone('UTC', now())) returning id",
    )
    .bind(data)
    .fetch_one(&mut *db)
    .await?;
    if let Some(tag) = tag {
        sqlx::query(
            "insert into hashtags_objects (hashtag_id, object_id) select id, $2 from hashtags where name = $1",
        )
        .bind(tag)
        .bind(row)
        .execute(db)
        .await?;
    }
    Ok(row)
}

async fn count_note(db: &mut PgConnection, author: &Person, more: i32) -> sqlx::Result<()> {
    sqlx::query("update users set note_count = greatest(0, note_count + $2) where id = $1")
        .bind(author.id)
        .bind(more)
        .execute(db)
        .await?;
    Ok(())
}

/// Adjusts the reply count: the only change to a post that the server makes without reading it
/// first.
async fn count_reply(db: &mut PgConnection, parent: &str, more: i32) -> sqlx::Result<()> {
    sqlx::query(
        "update objects
         set data = safe_jsonb_set(data, '{repliesCount}',
                 greatest(0, coalesce((data ->> 'repliesCount')::int, 0) + $2)::varchar::jsonb, true)
         where data ->> 'id' = $1",
    )
    .bind(parent)
    .bind(more)
    .execute(db)
    .await?;
    Ok(())
}
