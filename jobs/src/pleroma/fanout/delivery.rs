//! The job that delivers an activity to one inbox (docs/semantics.md 2.4.3).

use serde_json::{Value, json};

use super::{
    super::{Actor, DELIVERIES, Flake, Flavour, ObanJob, Server},
    Outgoing,
};

/// One delivery, in the form that the server's release knows.
pub(super) fn delivery(
    server: &Server,
    actor: &Actor,
    activity: &Outgoing,
    inbox: &str,
    mentioned: bool,
    unreachable_since: Option<&str>,
) -> ObanJob {
    let newer = server.shape.is_pleroma_2_7();
    let args = if newer {
        json!({ "op": "publish_one", "params": {
            "inbox": inbox,
            "activity_id": activity.id.to_string(),
            "unreachable_since": unreachable_since,
        } })
    } else {
        json!({ "op": "publish_one", "module": "Elixir.Pleroma.Web.ActivityPub.Publisher", "params": {
            "inbox": inbox,
            "json": document(server, activity).to_string(),
            "actor_id": Flake(actor.id).to_string(),
            "id": activity.data.get("id"),
            "unreachable_since": unreachable_since,
        } })
    };
    ObanJob {
        queue: DELIVERIES,
        worker: "Pleroma.Workers.PublisherWorker",
        args,
        max_attempts: if server.shape.flavour == Flavour::Akkoma { 6 } else { 5 },
        priority: i32::from(newer && !mentioned),
        scheduled_at: None,
    }
}

/// The activity as other servers receive it: with a context, and without what is only for this one.
fn document(server: &Server, activity: &Outgoing) -> Value {
    let mut data = activity.data.clone();
    let akkoma = server.shape.flavour == Flavour::Akkoma;
    let language = if akkoma {
        json!({ "@language": "und", "htmlMfm": "https://w3id.org/fep/c16b#htmlMfm" })
    } else {
        json!({ "@language": "und" })
    };
    let context = json!([
        "https://www.w3.org/ns/activitystreams",
        format!("{}/schemas/litepub-0.1.jsonld", server.base_url),
        language,
    ]);
    if let Some(fields) = data.as_object_mut() {
        for internal in ["deleted_activity_id", "bto", "bcc"] {
            fields.remove(internal);
        }
        fields.insert("@context".to_owned(), context);
        if let Some(undone) = activity.undone.as_ref().filter(|_| akkoma) {
            let mut undone = undone.clone();
            if let Some(undone) = undone.as_object_mut() {
                undone.remove("bto");
                undone.remove("bcc");
            }
            fields.insert("object".to_owned(), undone);
        }
    }
    data
}
