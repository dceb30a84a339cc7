//! What the server itself is left to do about a deletion (docs/semantics.md 1.6).

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{
    decide::{host, text},
    read::Activity,
};
use crate::pleroma::{Actor, DELIVERIES, Flake, Flavour, ObanJob, Recipients, Search, Server};

/// What a new activity is about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum About<'a> {
    /// It deletes the object of this row.
    Object(i64),
    /// It undoes this activity.
    Activity(&'a Value),
}

impl<'a> About<'a> {
    pub(super) const fn object(self) -> Option<i64> {
        match self {
            Self::Object(row) => Some(row),
            Self::Activity(_) => None,
        }
    }

    pub(super) const fn activity(self) -> Option<&'a Value> {
        match self {
            Self::Object(_) => None,
            Self::Activity(data) => Some(data),
        }
    }

    /// How urgent it is to tell others, where the release knows priorities.
    const fn priority(self) -> i32 {
        match self {
            Self::Object(_) => 3,
            Self::Activity(_) => 0,
        }
    }
}

/// Has the server tell other servers of an activity, unless nobody there may know.
pub(crate) fn publish_job(
    server: &Server,
    activity: Flake,
    recipients: &Recipients,
    about: About<'_>,
) -> Option<ObanJob> {
    if !server.federating || recipients.is_local_only(server) {
        return None;
    }
    let akkoma = server.shape.flavour == Flavour::Akkoma;
    let mut args = json!({ "op": "publish", "activity_id": activity.to_string() });
    if akkoma && let Some(args) = args.as_object_mut() {
        // Akkoma sends the undone activity along, whose row will be gone by then.
        let undone = about.activity().map_or(Value::Null, |data| data.to_string().into());
        args.insert("object_data".to_owned(), undone);
    }
    let priorities = server.shape.flavour != Flavour::Pleroma22 && server.shape.oban_version >= 11;
    Some(ObanJob {
        queue: DELIVERIES,
        worker: "Pleroma.Workers.PublisherWorker",
        args,
        max_attempts: if akkoma { 6 } else { 5 },
        priority: if priorities { about.priority() } else { 0 },
        scheduled_at: None,
    })
}

/// Removes the files of a deleted post.
pub(super) fn attachment_job(server: &Server, actor: &Actor, data: &Value) -> Option<ObanJob> {
    if !server.cleanup_attachments {
        return None;
    }
    let worker = "Pleroma.Workers.AttachmentsCleanupWorker";
    if server.shape.flavour != Flavour::Akkoma {
        let (queue, max_attempts) =
            if server.shape.slow_queue { ("slow", 20) } else { ("attachments_cleanup", 1) };
        let args = json!({ "op": "cleanup_attachments", "object": { "data": data } });
        return Some(ObanJob {
            queue,
            worker,
            args,
            max_attempts,
            priority: 0,
            scheduled_at: None,
        });
    }
    let attachments = data.get("attachment")?.as_array()?;
    if attachments.is_empty() || host(&actor.ap_id) != server.host {
        return None;
    }
    let delay = i64::try_from(server.cleanup_attachments_delay).unwrap_or(i64::MAX / 1000);
    Some(ObanJob {
        queue: "attachments_cleanup",
        worker,
        args: json!({
            "op": "cleanup_attachments",
            "actor": text(data, "actor"),
            "attachments": attachments,
        }),
        max_attempts: 1,
        priority: 0,
        scheduled_at: TimeDelta::try_seconds(delay)
            .and_then(|delay| Utc::now().naive_utc().checked_add_signed(delay)),
    })
}

/// Pleroma 2.2 schedules the expiration of a post once more when it is deleted.
pub(super) fn expiration_job(server: &Server, create: &Activity) -> Option<ObanJob> {
    if server.shape.flavour != Flavour::Pleroma22 {
        return None;
    }
    let expires_at = DateTime::parse_from_rfc3339(create.expires_at.as_deref()?).ok()?;
    Some(ObanJob {
        queue: "activity_expiration",
        worker: "Pleroma.Workers.PurgeExpiredActivity",
        args: json!({ "activity_id": Flake(create.id).to_string() }),
        max_attempts: 1,
        priority: 0,
        scheduled_at: Some(expires_at.naive_utc()),
    })
}

/// Removes a deleted post from the search index.
pub(super) fn search_job(server: &Server, object_row: i64) -> Option<ObanJob> {
    let indexed = matches!(server.search, Search::Meilisearch | Search::Elasticsearch)
        && server.shape.flavour == Flavour::Akkoma;
    (server.shape.search_jobs || indexed).then(|| ObanJob {
        queue: "search_indexing",
        worker: "Pleroma.Workers.SearchIndexingWorker",
        args: json!({ "op": "remove_from_index", "object": object_row }),
        max_attempts: 2,
        priority: 0,
        scheduled_at: None,
    })
}
