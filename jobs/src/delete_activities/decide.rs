//! Decides in memory what the server would write for each activity.
//!
//! The server processes one activity after the other. This module decides a whole batch in the same
//! order, and the batch is then written in one go. So a like of a post that was deleted earlier in
//! the batch counts as already removed. Documents stay in the database: statements build new ones
//! from the old ones there.

use std::collections::{BTreeMap, HashMap, HashSet};

use uuid::Uuid;

use super::{
    DeliverBy, FederationMode,
    read::{Activity, Facts, Objects, UndoneFacts},
    server_jobs::{About, expiration_job, search_job},
};
use ostrakon_engine::Parking;
use ostrakon_server::{
    Actor, Flake, FlakesBefore, LoweredReplies, ObanJob, Outgoing, Pins, Server,
};

/// Everything one batch writes.
#[derive(Debug, Default)]
pub(super) struct Writes {
    /// Objects that become tombstones, in the order of their posts.
    pub(super) buried: Vec<Buried>,
    /// ActivityPub ids of the same objects: all activities about them are removed.
    pub(super) deleted_objects: Vec<String>,
    /// Likes and boosts that are taken back. Those that must stay get an Undo as well.
    pub(super) undos: Vec<Undone>,
    /// Likes and boosts that are removed.
    pub(super) undone: Vec<Uuid>,
    /// Losses of objects, by row.
    pub(super) losses: BTreeMap<i64, Losses>,
    /// Losses of authors in counters and pins, by ActivityPub id.
    pub(super) authors: BTreeMap<String, Author>,
    /// Jobs for the server, in the order in which it would insert them.
    pub(super) jobs: Vec<ObanJob>,
    /// New activities that ostrakon delivers without the server's own fan-out.
    pub(super) outgoing: Vec<Outgoing>,
}

/// An object row that becomes a tombstone.
#[derive(Debug)]
pub(super) struct Buried {
    pub(super) row: i64,
    /// Delete activity of the object; none for remote accounts, and one for all rows of an object.
    pub(super) delete: Option<New>,
    /// Activity id of the post, where its Delete names it.
    pub(super) post: Option<String>,
}

/// A like or boost that is taken back.
#[derive(Debug)]
pub(super) struct Undone {
    pub(super) id: Uuid,
    pub(super) undo: New,
}

/// A new activity of the account.
#[derive(Debug, Clone)]
pub(super) struct New {
    pub(super) id: Flake,
    pub(super) ap_id: String,
}

/// Losses of an object.
#[derive(Debug, Default)]
pub(super) struct Losses {
    pub(super) replies: i32,
    pub(super) quotes: i32,
    pub(super) likes: i32,
    pub(super) boosts: i32,
}

/// Losses of an author.
#[derive(Debug, Default)]
pub(super) struct Author {
    pub(super) public_posts: i32,
    /// Object ids, or flake texts where the server keeps pins as flakes.
    pub(super) pins: Vec<String>,
}

/// Object type of a vote in a poll.
const VOTE: &str = "Answer";

/// Object types that the server allows to be deleted (docs/semantics.md 1.2).
pub(super) const DELETABLE: [&str; 10] = [
    VOTE,
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

/// Decides a batch: what to write, and which activities to park, each with its reason.
pub(super) fn decide(
    server: &Server,
    actor: &Actor,
    manner: FederationMode,
    activities: &[Activity],
    objects: &Objects,
    undone: &HashMap<Uuid, UndoneFacts>,
) -> (Writes, Vec<Parking<Uuid>>) {
    let first = activities.first().map(|activity| activity.id).unwrap_or_default();
    let mut decision = Decision {
        server,
        actor,
        manner,
        objects,
        undone,
        writes: Writes::default(),
        gone: HashSet::new(),
        ids: FlakesBefore::new(first),
    };
    let mut parked = Vec::new();
    for activity in activities {
        let decided =
            if activity.is_post() { decision.delete(activity) } else { decision.undo(activity) };
        if let Err(reason) = decided {
            parked.push(Parking { item: activity.name(), reason, cursor: activity.id });
        }
    }
    let mut writes = decision.writes;
    // A tombstone keeps nothing of what its object lost before.
    for buried in &writes.buried {
        writes.losses.remove(&buried.row);
    }
    (writes, parked)
}

struct Decision<'a> {
    server: &'a Server,
    actor: &'a Actor,
    manner: FederationMode,
    objects: &'a Objects,
    undone: &'a HashMap<Uuid, UndoneFacts>,
    writes: Writes,
    /// Objects deleted so far in this batch.
    gone: HashSet<&'a str>,
    /// Ids of new activities.
    ids: FlakesBefore,
}

impl<'a> Decision<'a> {
    /// Applies the Delete pipeline (docs/semantics.md 1.2).
    fn delete(&mut self, create: &'a Activity) -> Result<(), String> {
        let object_id = create.object_id.as_deref().ok_or("it does not name its object")?;
        if self.gone.contains(object_id) {
            return Ok(());
        }
        let facts = self.objects.facts(object_id).ok_or("its object is not there")?;
        self.validate(object_id, facts)?;
        self.gone.insert(object_id);

        let delete = self.make_up();
        for (n, &row) in self.objects.rows(object_id).iter().enumerate() {
            let first = n == 0;
            let post = (first && self.manner.names_create).then(|| Flake(create.id).to_string());
            let delete = if first { delete.clone() } else { None };
            self.writes.buried.push(Buried { row, delete, post });
        }
        self.writes.deleted_objects.push(object_id.to_owned());
        if facts.kind == "Tombstone" && !facts.names_actor {
            // The object was deleted before. The server stops here and keeps what it has written so
            // far.
            return Ok(());
        }
        self.count(object_id, create, facts);
        self.writes.jobs.extend(expiration_job(self.server, create));
        self.writes.jobs.extend(search_job(self.server, facts.row));
        if let Some(delete) = delete.filter(|_| !facts.local_only) {
            self.tell(delete, About::Object(facts.row));
        }
        Ok(())
    }

    /// Refuses what the server's own validation refuses.
    fn validate(&self, object_id: &str, facts: &Facts) -> Result<(), String> {
        let kind = facts.kind.as_str();
        let chat_without_chats = kind == "ChatMessage" && !self.server.dialect.chats;
        if !DELETABLE.contains(&kind) || chat_without_chats {
            return Err(format!("the server does not let objects of type {kind:?} be deleted"));
        }
        if host(object_id) != host(&self.actor.ap_id) {
            return Err("its object lives on another host than its author".to_owned());
        }
        refuse_invalid(facts.invalid.as_deref())
    }

    /// Records what author, parent and quoted post lose (docs/semantics.md 1.2, steps 6 to 9).
    fn count(&mut self, object_id: &str, create: &Activity, facts: &Facts) {
        if let Some(author) = &facts.author {
            let author = self.writes.authors.entry(author.clone()).or_default();
            author.public_posts += i32::from(facts.public);
            author.pins.push(match self.server.dialect.pins {
                Pins::Objects => object_id.to_owned(),
                Pins::Activities => Flake(create.id).to_string(),
            });
        }
        let lowered = self.server.dialect.lowered_replies;
        if !facts.public && lowered != LoweredReplies::All {
            return;
        }
        if facts.kind != VOTE || lowered != LoweredReplies::PublicExceptVotes {
            for &parent in &facts.replied {
                self.writes.losses.entry(parent).or_default().replies += 1;
            }
        }
        for &quoted in &facts.quoted {
            self.writes.losses.entry(quoted).or_default().quotes += 1;
        }
    }

    /// Applies the Undo pipeline (docs/semantics.md 1.4).
    fn undo(&mut self, activity: &Activity) -> Result<(), String> {
        let object_id = activity.object_id.as_deref().unwrap_or_default();
        if self.gone.contains(object_id) {
            return Ok(());
        }
        if activity.ap_id.is_none() {
            return Err("it has no id".to_owned());
        }
        let Some(facts) = self.undone.get(&activity.id) else { return Ok(()) };
        refuse_invalid(facts.invalid.as_deref())?;
        let is_like = activity.kind.as_deref() == Some("Like");
        let targets = self.objects.rows(object_id);

        let undo = self.make_up();
        let undos = undo.clone().map(|undo| Undone { id: activity.id, undo });
        self.writes.undos.extend(undos);
        if targets.is_empty() && !is_like && self.actor.local {
            // As on the server: the Undo and the boost stay, and no other server is notified.
            return Err("the boosted post is not there any more; its Undo was written".to_owned());
        }
        for &target in targets {
            let losses = self.writes.losses.entry(target).or_default();
            let lost = if is_like { &mut losses.likes } else { &mut losses.boosts };
            *lost += 1;
        }
        self.writes.undone.push(activity.id);
        if let Some(undo) = undo.filter(|_| !facts.local_only) {
            self.tell(undo, About::Activity(activity.id));
        }
        Ok(())
    }

    /// Queues the federation of a new activity.
    fn tell(&mut self, new: New, about: About) {
        match self.manner.telling {
            DeliverBy::Server => self.writes.jobs.extend(about.publish_job(self.server, new.id)),
            DeliverBy::Direct => self.writes.outgoing.push(about.outgoing(new.id, new.ap_id)),
            DeliverBy::Nobody => {}
        }
    }

    /// Generates ids for a new activity of a local account; `None` for a remote one, which its own
    /// server would have to write.
    fn make_up(&mut self) -> Option<New> {
        self.actor
            .local
            .then(|| New { id: self.ids.generate(), ap_id: self.server.new_activity_id() })
    }
}

fn refuse_invalid(address: Option<&str>) -> Result<(), String> {
    address.map_or(Ok(()), |address| {
        Err(format!("it is addressed to {address}, which is not an http(s) address"))
    })
}

/// Host of an ActivityPub id, in lower case; empty if there is none.
pub(super) fn host(ap_id: &str) -> String {
    url::Url::parse(ap_id)
        .ok()
        .and_then(|url| url.host_str().map(str::to_lowercase))
        .unwrap_or_default()
}
