//! What the server would write for each activity, decided in memory.
//!
//! The server works one activity after the other; here a whole batch is decided in the same order
//! and then written at once. A like of a post that went earlier in the batch is thus seen as gone.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Map, Value};
use uuid::Uuid;

use super::{
    Manner, Telling,
    deletion_rows::{delete_activity, tombstone, undo_activity},
    read::{Activity, Objects},
    server_jobs::{About, attachment_job, expiration_job, publish_job, search_job},
};
use crate::{
    engine::Parking,
    pleroma::{
        Actor, Addressing, Flake, FlakesBefore, Flavour, ObanJob, Outgoing, Pins, Recipients,
        Server,
    },
};

/// Everything one batch writes.
#[derive(Debug, Default)]
pub(super) struct Writes {
    /// Delete and Undo activities.
    pub(super) activities: Vec<NewActivity>,
    /// Object rows that become tombstones, with their new data.
    pub(super) tombstones: BTreeMap<i64, Value>,
    /// ActivityPub ids of the same objects: whatever is about them goes.
    pub(super) deleted_objects: Vec<String>,
    /// Object rows that lose likes or boosts, with the fields that change.
    pub(super) patches: BTreeMap<i64, Map<String, Value>>,
    /// Likes and boosts that go.
    pub(super) undone: Vec<Uuid>,
    /// Replied and quoted objects, by ActivityPub id.
    pub(super) referenced: BTreeMap<String, References>,
    /// Counters and pins of the authors, by ActivityPub id.
    pub(super) authors: BTreeMap<String, Author>,
    /// Jobs for the server, in the order of its own.
    pub(super) jobs: Vec<ObanJob>,
    /// New activities that go to other servers without the server's own fan-out.
    pub(super) outgoing: Vec<Outgoing>,
}

/// A new activity of the account.
#[derive(Debug)]
pub(crate) struct NewActivity {
    pub(crate) id: Flake,
    pub(crate) data: Value,
}

/// How many deleted posts replied to an object, and how many quoted it.
#[derive(Debug, Default)]
pub(super) struct References {
    pub(super) replies: i32,
    pub(super) quotes: i32,
}

/// What an author loses.
#[derive(Debug, Default)]
pub(super) struct Author {
    pub(super) public_posts: i32,
    /// Object ids, or flake texts where pins are kept so.
    pub(super) pins: Vec<String>,
}

/// Object types that the server lets be deleted (docs/semantics.md 1.2).
pub(super) const DELETABLE: [&str; 10] = [
    "Answer",
    "Article",
    "Audio",
    "ChatMessage",
    "Event",
    "Note",
    "Page",
    "Question",
    "Tombstone",
    "Video",
];

/// Decides a batch: what is written, and which activities are left as they are, each with its reason.
pub(super) fn decide(
    server: &Server,
    actor: &Actor,
    manner: Manner,
    activities: &[Activity],
    objects: &Objects,
) -> (Writes, Vec<Parking<Uuid>>) {
    let first = activities.first().map(|activity| activity.id).unwrap_or_default();
    let mut decision = Decision {
        server,
        actor,
        manner,
        objects,
        writes: Writes::default(),
        gone: HashSet::new(),
        ids: FlakesBefore::new(first),
    };
    let mut parked = Vec::new();
    for activity in activities {
        let decided = match activity.kind.as_deref() {
            Some("Create") => decision.delete(activity),
            _ => decision.undo(activity),
        };
        if let Err(reason) = decided {
            let item = activity.ap_id.clone().unwrap_or_else(|| activity.id.to_string());
            parked.push(Parking { item, reason, cursor: activity.id });
        }
    }
    let mut writes = decision.writes;
    // A tombstone keeps nothing of what was patched before.
    writes.patches.retain(|row, _| !writes.tombstones.contains_key(row));
    (writes, parked)
}

struct Decision<'a> {
    server: &'a Server,
    actor: &'a Actor,
    manner: Manner,
    objects: &'a Objects,
    writes: Writes,
    /// Objects deleted so far.
    gone: HashSet<&'a str>,
    /// Of new activities.
    ids: FlakesBefore,
}

impl<'a> Decision<'a> {
    /// The Delete pipeline (docs/semantics.md 1.2).
    fn delete(&mut self, create: &'a Activity) -> Result<(), String> {
        let object_id = create.object_id.as_deref().ok_or("it does not name its object")?;
        if self.gone.contains(object_id) {
            return Ok(());
        }
        let object = self.objects.get(object_id).ok_or("its object is not there")?;
        let recipients = self.validate(object_id, &object.data)?;
        self.gone.insert(object_id);

        let names_create = self.manner.names_create;
        let delete = self.federate(|server, actor| {
            delete_activity(server, actor, object_id, create, names_create, &recipients)
        });
        self.writes.tombstones.insert(object.id, tombstone(object_id, &object.data));
        self.writes.deleted_objects.push(object_id.to_owned());
        self.writes.jobs.extend(attachment_job(self.server, self.actor, &object.data));
        if is_finished_tombstone(&object.data) {
            // The server stops here, with what it has written so far.
            return Ok(());
        }
        self.count(object_id, create, &object.data);
        self.writes.jobs.extend(expiration_job(self.server, create));
        self.writes.jobs.extend(search_job(self.server, object.id));
        if let Some(delete) = delete {
            self.tell(delete, &recipients, About::Object(object.id));
        }
        Ok(())
    }

    /// Refuses what the server's own validation refuses.
    fn validate(&self, object_id: &str, data: &Value) -> Result<Recipients, String> {
        let kind = type_of(data);
        let chat_on_akkoma = kind == "ChatMessage" && self.server.shape.flavour == Flavour::Akkoma;
        if !DELETABLE.contains(&kind) || chat_on_akkoma {
            return Err(format!("the server does not let objects of type {kind:?} be deleted"));
        }
        if host(object_id) != host(&self.actor.ap_id) {
            return Err("its object lives on another host than its author".to_owned());
        }
        Addressing::of(data).of_delete(self.server.shape.flavour).map_err(|error| error.to_string())
    }

    /// Notes what author, parent and quoted post lose (docs/semantics.md 1.2, steps 6 to 9).
    fn count(&mut self, object_id: &str, create: &Activity, data: &Value) {
        let is_direct = data.get("directMessage") == Some(&Value::Bool(true));
        let is_tombstone = type_of(data) == "Tombstone";
        let public = !is_direct && !is_tombstone && Addressing::of(data).is_public(self.server);

        if let Some(author) = text(data, "actor") {
            let author = self.writes.authors.entry(author.to_owned()).or_default();
            author.public_posts += i32::from(public);
            author.pins.push(match self.server.shape.pins {
                Pins::Objects => object_id.to_owned(),
                Pins::Activities => Flake(create.id).to_string(),
            });
        }
        let flavour = self.server.shape.flavour;
        if let Some(parent) = text(data, "inReplyTo")
            && (public || flavour != Flavour::Akkoma)
        {
            self.writes.referenced.entry(parent.to_owned()).or_default().replies += 1;
        }
        if let Some(quoted) = text(data, "quoteUrl")
            && flavour == Flavour::Pleroma
        {
            self.writes.referenced.entry(quoted.to_owned()).or_default().quotes += 1;
        }
    }

    /// The Undo pipeline (docs/semantics.md 1.4).
    fn undo(&mut self, activity: &Activity) -> Result<(), String> {
        let object_id = activity.object_id.as_deref().unwrap_or_default();
        if self.gone.contains(object_id) {
            return Ok(());
        }
        let (Some(data), Some(ap_id)) = (activity.data.as_ref(), activity.ap_id.as_deref()) else {
            return Err("it has no id".to_owned());
        };
        let recipients = Addressing::of(data)
            .of_undo(self.server.shape.flavour)
            .map_err(|error| error.to_string())?;
        let is_like = activity.kind.as_deref() == Some("Like");
        let target = self.objects.get(object_id);

        let undo = self.federate(|server, actor| undo_activity(server, actor, ap_id, &recipients));
        if target.is_none() && !is_like && self.actor.local {
            // What the server does: the Undo stays, the boost as well, nobody is told.
            return Err("the boosted post is not there any more; its Undo was written".to_owned());
        }
        if let Some(target) = target {
            let patch = self.writes.patches.entry(target.id).or_default();
            take_back(patch, &target.data, &self.actor.ap_id, is_like);
        }
        self.writes.undone.push(activity.id);
        if let Some(undo) = undo {
            self.tell(undo, &recipients, About::Activity(data));
        }
        Ok(())
    }

    /// Has other servers told of a new activity, unless nobody there may know.
    fn tell(&mut self, activity: Flake, recipients: &Recipients, about: About<'_>) {
        match self.manner.telling {
            Telling::Server => {
                self.writes.jobs.extend(publish_job(self.server, activity, recipients, about));
            }
            Telling::Direct if !recipients.is_local_only(self.server) => {
                let new = self.writes.activities.iter().rfind(|new| new.id == activity);
                self.writes.outgoing.extend(new.map(|new| Outgoing {
                    id: activity,
                    data: new.data.clone(),
                    deleted_object: about.object(),
                    undone: about.activity().cloned(),
                }));
            }
            Telling::Direct | Telling::Nobody => {}
        }
    }

    /// Adds a new activity of a local account; those of remote accounts are not ours to make up.
    fn federate(&mut self, make: impl FnOnce(&Server, &Actor) -> Value) -> Option<Flake> {
        if !self.actor.local {
            return None;
        }
        let (id, data) = (self.ids.generate(), make(self.server, self.actor));
        self.writes.activities.push(NewActivity { id, data });
        Some(id)
    }
}

/// Whether it was deleted before (the tombstone of a missing object, just made, names its actor).
fn is_finished_tombstone(data: &Value) -> bool {
    type_of(data) == "Tombstone" && data.get("actor").is_none()
}

/// Removes one occurrence of the actor from the likes or boosts, and counts them anew.
fn take_back(patch: &mut Map<String, Value>, data: &Value, actor: &str, is_like: bool) {
    let (list, count) =
        if is_like { ("likes", "like_count") } else { ("announcements", "announcement_count") };
    let current = patch.get(list).or_else(|| data.get(list)).and_then(Value::as_array);
    let mut actors = current.cloned().unwrap_or_default();
    if let Some(position) = actors.iter().position(|entry| entry == actor) {
        actors.remove(position);
    }
    patch.insert(count.to_owned(), actors.len().into());
    patch.insert(list.to_owned(), Value::Array(actors));
}

pub(super) fn type_of(data: &Value) -> &str {
    text(data, "type").unwrap_or_default()
}

pub(super) fn text<'v>(data: &'v Value, field: &str) -> Option<&'v str> {
    data.get(field)?.as_str()
}

/// Host of an ActivityPub id, in lower case; empty when there is none.
pub(super) fn host(ap_id: &str) -> String {
    url::Url::parse(ap_id)
        .ok()
        .and_then(|url| url.host_str().map(str::to_lowercase))
        .unwrap_or_default()
}
