//! Telling other servers without the server's own fan-out (docs/semantics.md 2.4).
//!
//! The server's `publish` job finds out the inboxes itself, but only for an active actor. A
//! `publish_one` job names its inbox and needs no more of the actor than its keys: it is signed and
//! delivered for an inactive actor as well.

mod delivery;
mod directory;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgConnection;

use super::{Actor, Flake, ObanJob, Server, as_public};
use delivery::delivery;
pub use directory::followers_address;
use directory::{Directory, Mailbox, followers};

/// Who finds out the inboxes that an activity goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fanout {
    /// The server, by a `publish` job.
    Server,
    /// This program, by a `publish_one` job per inbox.
    Kenoma,
}

/// A new activity that other servers are to be told of.
#[derive(Debug)]
pub struct Outgoing {
    /// Id of its row.
    pub id: Flake,
    /// All of it.
    pub data: Value,
    /// The row of the object it deletes: whoever fetched that is told as well.
    pub deleted_object: Option<i64>,
    /// The activity that it undoes, for the servers that send it along.
    pub undone: Option<Value>,
}

/// Makes the jobs that deliver activities of one actor, one for each distinct inbox. Forgets who
/// fetched the deleted objects, as the server does when it delivers.
pub async fn fan_out(
    db: &mut PgConnection,
    server: &Server,
    actor: &Actor,
    outgoing: &[Outgoing],
) -> sqlx::Result<Vec<ObanJob>> {
    if !server.federating || outgoing.is_empty() {
        return Ok(Vec::new());
    }
    let directory = Directory::read(db, server, actor, outgoing).await?;
    Ok(outgoing
        .iter()
        .flat_map(|activity| {
            let inboxes = directory.inboxes(activity, &server.federation);
            inboxes.into_iter().map(|(inbox, mentioned)| {
                let since = directory.unreachable_since(&inbox);
                delivery(server, actor, activity, &inbox, mentioned, since)
            })
        })
        .collect())
}

/// Counts the distinct inboxes of an account's followers on other servers, the unreachable ones
/// included.
pub async fn count_inboxes(
    db: &mut PgConnection,
    server: &Server,
    actor: &Actor,
) -> sqlx::Result<i64> {
    if !server.federating {
        return Ok(0);
    }
    let followers = followers(db, server, actor).await?;
    let inboxes: BTreeSet<&str> = followers.iter().map(Mailbox::shared).collect();
    Ok(i64::try_from(inboxes.len()).unwrap_or(i64::MAX))
}

impl Outgoing {
    fn recipients(&self) -> impl Iterator<Item = &str> {
        ["to", "cc"]
            .into_iter()
            .filter_map(|field| self.data.get(field)?.as_array())
            .flatten()
            .filter_map(Value::as_str)
    }

    fn is_public(&self) -> bool {
        self.recipients().any(|address| address == as_public())
    }

    /// Whether one delivery per server is enough.
    fn goes_to_shared_inboxes(&self) -> bool {
        self.data.get("type").is_some_and(|kind| kind == "Delete")
            || self.is_public()
            || self.recipients().nth(1).is_some()
    }
}
