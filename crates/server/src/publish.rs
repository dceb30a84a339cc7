//! Job by which the server federates an activity (docs/semantics.md 1.6.2).

use serde_json::json;

use super::{DELIVERIES, Document, Flake, ObanJob, PublishJob, Server};

/// Creates the job by which the server federates an activity; `None` if it does not federate.
///
/// `priority` counts where the release supports priorities, `undone` where a delivery embeds the
/// undone activity, whose row will be gone by then.
pub fn publish_job(
    server: &Server,
    activity: Flake,
    priority: i32,
    undone: Option<Document>,
) -> Option<ObanJob> {
    if !server.federating {
        return None;
    }
    let id = activity.to_string();
    let args = match server.dialect.publish_job {
        PublishJob::Plain => json!({ "op": "publish", "activity_id": id }),
        PublishJob::WithOptions => json!({ "op": "publish", "activity_id": id, "opts": {} }),
        PublishJob::WithUndone => {
            json!({ "op": "publish", "activity_id": id, "object_data": null })
        }
    };
    let embeds_undone = server.dialect.publish_job == PublishJob::WithUndone;
    Some(ObanJob {
        queue: DELIVERIES,
        worker: "Pleroma.Workers.PublisherWorker",
        args,
        max_attempts: server.dialect.delivery_attempts,
        priority: if server.dialect.delivery_priorities { priority } else { 0 },
        scheduled_at: None,
        document: undone.filter(|_| embeds_undone),
    })
}
