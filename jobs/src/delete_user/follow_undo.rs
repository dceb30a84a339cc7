//! Undo of a Follow, as the server writes it when it removes an account (docs/semantics.md 2.3).

use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::relations::Relation;
use crate::delete_activities::About;
use ostrakon_server::{
    Actor, Flake, FlakesBefore, IndexJob, ObanJob, Outgoing, Search, Server, UndoneFollow, fan_out,
    insert_deliveries, published_now,
};

/// Follow that is taken back.
#[derive(Debug)]
pub(super) struct FollowUndo {
    id: Flake,
    ap_id: String,
    /// Whether the server can deliver on behalf of the follower.
    by_server: bool,
    follow: Uuid,
    follower: String,
    followed: String,
    /// Context of the Undo and of the Follow in it, if the Follow has none.
    context: String,
}

impl FollowUndo {
    /// Takes back the Follows of relations, as far as any exist.
    pub(super) fn of_all(server: &Server, relations: Vec<Relation>) -> Vec<Self> {
        let first = relations.iter().filter_map(|relation| relation.follow).min();
        let mut ids = FlakesBefore::new(first.unwrap_or_default());
        let undo = |relation| Self::of(server, &mut ids, relation);
        relations.into_iter().filter_map(undo).collect()
    }

    /// Takes back the Follow of a relation; `None` if there is no Follow.
    fn of(server: &Server, ids: &mut FlakesBefore, relation: Relation) -> Option<Self> {
        Some(Self {
            follow: relation.follow?,
            id: ids.generate(),
            ap_id: server.new_activity_id(),
            by_server: relation.follower_local && relation.follower_active,
            follower: relation.follower_ap_id,
            followed: relation.followed_ap_id,
            context: format!("{}/contexts/{}", server.base_url, Uuid::new_v4()),
        })
    }

    /// Jobs that are left to the server itself.
    fn jobs(&self, server: &Server) -> Vec<ObanJob> {
        let publish = self.by_server.then(|| About::Held.publish_job(server, self.id)).flatten();
        index_job(server, self.id).into_iter().chain(publish).collect()
    }
}

/// Writes the Undos of a batch, and changes their Follows as the server does. Returns when the last
/// delivery is due, unless all are due immediately.
pub(super) async fn write(
    db: &mut PgConnection,
    server: &Server,
    account: &Actor,
    undos: Vec<FollowUndo>,
) -> sqlx::Result<Option<DateTime<Utc>>> {
    if undos.is_empty() {
        return Ok(None);
    }
    insert(db, server, &undos).await?;
    let sql = match server.dialect.undone_follow {
        UndoneFollow::Deleted => "delete from public.activities where id = any ($1)",
        UndoneFollow::Cancelled => {
            "update public.activities
             set data = data || '{\"state\": \"cancelled\"}',
                 updated_at = date_trunc('second', timezone('UTC', now()))
             where id = any ($1)"
        }
    };
    let follows: Vec<Uuid> = undos.iter().map(|undo| undo.follow).collect();
    sqlx::query(sql).bind(&follows).execute(&mut *db).await?;
    let mut jobs: Vec<ObanJob> = undos.iter().flat_map(|undo| undo.jobs(server)).collect();
    jobs.extend(deliveries(db, server, account, undos).await?);
    insert_deliveries(db, server, jobs).await
}

/// Inserts the Undos. The Follows stay in the database: other servers may have written them, in any
/// size and form.
async fn insert(db: &mut PgConnection, server: &Server, undos: &[FollowUndo]) -> sqlx::Result<()> {
    let follows: Vec<Uuid> = undos.iter().map(|undo| undo.follow).collect();
    let contexts: Vec<&str> = undos.iter().map(|undo| undo.context.as_str()).collect();
    if server.dialect.context_ids {
        sqlx::query(include_str!("insert_contexts.sql"))
            .bind(&follows)
            .bind(&contexts)
            .execute(&mut *db)
            .await?;
    }
    let becomes = match server.dialect.undone_follow {
        UndoneFollow::Deleted => json!({}),
        UndoneFollow::Cancelled => json!({ "state": "cancelled" }),
    };
    sqlx::query(include_str!("insert_follow_undos.sql"))
        .bind(follows)
        .bind(undos.iter().map(|undo| undo.id.0).collect::<Vec<_>>())
        .bind(undos.iter().map(|undo| undo.ap_id.as_str()).collect::<Vec<_>>())
        .bind(undos.iter().map(|undo| undo.follower.as_str()).collect::<Vec<_>>())
        .bind(undos.iter().map(|undo| undo.followed.as_str()).collect::<Vec<_>>())
        .bind(contexts)
        .bind(published_now())
        .bind(becomes)
        .bind(server.dialect.context_ids)
        .execute(db)
        .await?;
    Ok(())
}

/// Queues the deliveries to the servers of the accounts that the removed account followed. It is
/// inactive, so the server cannot federate the Undos itself.
async fn deliveries(
    db: &mut PgConnection,
    server: &Server,
    account: &Actor,
    undos: Vec<FollowUndo>,
) -> sqlx::Result<Vec<ObanJob>> {
    let outgoing: Vec<Outgoing> = undos
        .into_iter()
        .filter(|undo| undo.follower == account.ap_id)
        .map(|undo| About::Held.outgoing(undo.id, undo.ap_id))
        .collect();
    fan_out(db, server, account, &outgoing).await
}

/// Creates the job that adds a new activity to the search index, where the release does that.
fn index_job(server: &Server, activity: Flake) -> Option<ObanJob> {
    let activity = activity.to_string();
    let search = |args| ObanJob {
        queue: "search_indexing",
        worker: "Pleroma.Workers.SearchIndexingWorker",
        args,
        max_attempts: 2,
        priority: 0,
        scheduled_at: None,
        document: None,
    };
    match server.dialect.index_job {
        IndexJob::Always => Some(search(json!({ "op": "add_to_index", "activity": activity }))),
        IndexJob::IfIndexed => {
            let indexed = matches!(server.search, Search::Meilisearch | Search::Elasticsearch);
            indexed.then(|| search(json!({ "op": "add_to_index", "activity": activity })))
        }
        IndexJob::FetchData => Some(ObanJob {
            queue: "background",
            worker: "Pleroma.Workers.BackgroundWorker",
            max_attempts: 1,
            ..search(json!({ "op": "fetch_data_for_activity", "activity_id": activity }))
        }),
        IndexJob::Never => None,
    }
}
