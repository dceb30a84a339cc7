//! Jobs that leave parts of a deletion to the server itself (docs/semantics.md 1.6).

use chrono::DateTime;
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{decide::host, read::Activity};
use ostrakon_server::{
    Actor, AttachmentJob, Document, Flake, ObanJob, Outgoing, Search, SearchJob, Server,
    publish_job,
};

/// Subject of a new activity.
#[derive(Debug, Clone, Copy)]
pub(crate) enum About {
    /// Deletes the object of this row.
    Object(i64),
    /// Undoes this activity.
    Activity(Uuid),
    /// Undoes the activity that it embeds.
    Held,
}

impl About {
    /// Activity in the form that ostrakon's own fan-out takes.
    pub(crate) const fn outgoing(self, id: Flake, ap_id: String) -> Outgoing {
        let (deleted_object, undone) = match self {
            Self::Object(row) => (Some(row), None),
            Self::Activity(undone) => (None, Some(undone)),
            Self::Held => (None, Some(id.0)),
        };
        Outgoing { id, ap_id, deleted_object, undone }
    }

    /// Job by which the server federates the activity; `None` if it does not federate.
    pub(crate) fn publish_job(self, server: &Server, activity: Flake) -> Option<ObanJob> {
        let undone = match self {
            Self::Object(_) => None,
            Self::Activity(undone) => Some(Document::Whole(undone)),
            Self::Held => Some(Document::Held(activity.0)),
        };
        publish_job(server, activity, self.priority(), undone)
    }

    /// Priority of the delivery, where the release supports priorities.
    const fn priority(self) -> i32 {
        match self {
            Self::Object(_) => 3,
            Self::Activity(_) | Self::Held => 0,
        }
    }
}

/// Queues the removal of posts' files by the server. Must run before the posts become tombstones.
pub(super) async fn insert_attachment_jobs(
    db: &mut PgConnection,
    server: &Server,
    actor: &Actor,
    posts: &[i64],
) -> sqlx::Result<()> {
    if !server.cleanup_attachments || posts.is_empty() {
        return Ok(());
    }
    let AttachmentJob::OfObject { queue, max_attempts } = server.dialect.attachment_job else {
        if host(&actor.ap_id) == server.host {
            // A century is as good as never, and PostgreSQL can add it to any timestamp.
            let delay = u32::try_from(server.cleanup_attachments_delay).unwrap_or(u32::MAX);
            sqlx::query(include_str!("akkoma_attachment_jobs.sql"))
                .bind(posts)
                .bind(f64::from(delay))
                .execute(db)
                .await?;
        }
        return Ok(());
    };
    sqlx::query(include_str!("attachment_jobs.sql"))
        .bind(posts)
        .bind(queue)
        .bind(max_attempts)
        .execute(db)
        .await?;
    Ok(())
}

/// Creates the expiration job that Pleroma 2.2 schedules again when a post is deleted.
pub(super) fn expiration_job(server: &Server, create: &Activity) -> Option<ObanJob> {
    if !server.dialect.reschedules_expiration {
        return None;
    }
    let expires_at = DateTime::parse_from_rfc3339(create.expires_at.as_deref()?).ok()?;
    Some(ObanJob {
        queue: server.dialect.expiration_queue,
        worker: "Pleroma.Workers.PurgeExpiredActivity",
        args: json!({ "activity_id": Flake(create.id).to_string() }),
        max_attempts: 1,
        priority: 0,
        scheduled_at: Some(expires_at.naive_utc()),
        document: None,
    })
}

/// Creates the job that removes a deleted post from the search index.
pub(super) fn search_job(server: &Server, object_row: i64) -> Option<ObanJob> {
    let is_due = match server.dialect.search_job {
        SearchJob::Always => true,
        SearchJob::IfIndexed => {
            matches!(server.search, Search::Meilisearch | Search::Elasticsearch)
        }
        SearchJob::Never => false,
    };
    is_due.then(|| ObanJob {
        queue: "search_indexing",
        worker: "Pleroma.Workers.SearchIndexingWorker",
        args: json!({ "op": "remove_from_index", "object": object_row }),
        max_attempts: 2,
        priority: 0,
        scheduled_at: None,
        document: None,
    })
}
