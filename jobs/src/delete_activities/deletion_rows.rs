//! Activities and tombstones as the server writes them (docs/semantics.md 1.2 and 1.4).

use serde_json::{Map, Value, json};

use super::{decide::type_of, read::Activity};
use crate::pleroma::{Actor, Flake, Flavour, Recipients, Server, published_now};

pub(super) fn delete_activity(
    server: &Server,
    actor: &Actor,
    object_id: &str,
    create: &Activity,
    names_create: bool,
    recipients: &Recipients,
) -> Value {
    let mut data = base_activity(server, actor, "Delete", object_id, recipients);
    if names_create {
        data.insert("deleted_activity_id".to_owned(), Flake(create.id).to_string().into());
    }
    Value::Object(data)
}

pub(super) fn undo_activity(
    server: &Server,
    actor: &Actor,
    undone: &str,
    recipients: &Recipients,
) -> Value {
    Value::Object(base_activity(server, actor, "Undo", undone, recipients))
}

/// What every new Delete and Undo of an account has.
pub(crate) fn base_activity(
    server: &Server,
    actor: &Actor,
    kind: &str,
    object: &str,
    recipients: &Recipients,
) -> Map<String, Value> {
    let mut data = Map::new();
    data.insert("id".to_owned(), server.new_activity_id().into());
    data.insert("type".to_owned(), kind.into());
    data.insert("actor".to_owned(), actor.ap_id.as_str().into());
    data.insert("object".to_owned(), object.into());
    data.insert("to".to_owned(), recipients.to.as_slice().into());
    data.insert("cc".to_owned(), recipients.cc.as_slice().into());
    if server.shape.flavour != Flavour::Pleroma22 {
        data.insert("bto".to_owned(), json!([]));
        data.insert("bcc".to_owned(), json!([]));
    }
    data
}

/// All that is left of an object.
pub(super) fn tombstone(object_id: &str, old: &Value) -> Value {
    json!({
        "id": object_id,
        "type": "Tombstone",
        "formerType": type_of(old),
        "deleted": published_now(),
    })
}
