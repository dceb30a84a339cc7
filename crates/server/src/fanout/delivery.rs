//! Job that delivers an activity to one inbox (docs/semantics.md 2.4.3).

use serde_json::json;

use super::{
    super::{Actor, DELIVERIES, DeliveryJob, Document, Flake, ObanJob, Server},
    Outgoing,
};

/// Delivery job in the form that the server's release expects.
pub(super) fn delivery(
    server: &Server,
    actor: &Actor,
    activity: &Outgoing,
    (inbox, mentioned): (&str, bool),
    unreachable_since: Option<&str>,
    beginning: &str,
) -> ObanJob {
    let args = match server.dialect.delivery_job {
        DeliveryJob::ActivityId { unreachable_since: reported } => {
            let mut params = json!({ "inbox": inbox, "activity_id": activity.id.to_string() });
            if reported {
                params["unreachable_since"] = unreachable_since.into();
            }
            json!({ "op": "publish_one", "params": params })
        }
        DeliveryJob::Document { .. } => json!({
            "op": "publish_one",
            "module": "Elixir.Pleroma.Web.ActivityPub.Publisher",
            "params": {
                "inbox": inbox,
                "json": beginning,
                "actor_id": Flake(actor.id).to_string(),
                "id": activity.ap_id,
                "unreachable_since": unreachable_since,
            },
        }),
    };
    let document = match server.dialect.delivery_job {
        DeliveryJob::ActivityId { .. } => None,
        DeliveryJob::Document { embeds_undone } => {
            let undone = activity.undone.filter(|_| embeds_undone);
            Some(Document::Delivered { activity: activity.id.0, undone })
        }
    };
    ObanJob {
        queue: DELIVERIES,
        worker: "Pleroma.Workers.PublisherWorker",
        args,
        max_attempts: server.dialect.delivery_attempts,
        priority: i32::from(document.is_none() && !mentioned),
        scheduled_at: None,
        document,
    }
}

/// Beginning of a document for other servers: its context, which only they need.
pub(super) fn beginning(server: &Server) -> String {
    let language = if server.dialect.html_mfm {
        json!({ "@language": "und", "htmlMfm": "https://w3id.org/fep/c16b#htmlMfm" })
    } else {
        json!({ "@language": "und" })
    };
    let context = json!([
        "https://www.w3.org/ns/activitystreams",
        format!("{}/schemas/litepub-0.1.jsonld", server.base_url),
        language,
    ]);
    format!("{{\"@context\":{context},")
}
