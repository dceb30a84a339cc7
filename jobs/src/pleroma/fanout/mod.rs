//! Telling other servers without the server's own fan-out (docs/semantics.md 2.4).
//!
//! The server's `publish` job finds out the inboxes itself, but only for an active actor. A
//! `publish_one` job names its inbox and needs no more of the actor than its keys: it is signed and
//! delivered for an inactive actor as well.

mod delivery;
mod directory;
mod follower_inboxes;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Actor, Flake, ObanJob, Server};
use delivery::delivery;
pub use directory::followers_address;
use directory::{InboxPair, RecipientIndex};
pub use follower_inboxes::FollowerInboxes;

/// Who finds out the inboxes that an activity goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fanout {
    /// The server, by a `publish` job.
    Server,
    /// This program, by a `publish_one` job per inbox.
    Ostrakon,
}

/// A new activity that other servers are to be told of. Its row is there already.
#[derive(Debug)]
pub struct Outgoing {
    /// Id of its row.
    pub id: Flake,
    /// Its ActivityPub id.
    pub ap_id: String,
    /// The row of the object it deletes: whoever fetched that is told as well.
    pub deleted_object: Option<i64>,
    /// The activity that it undoes, for the servers that send it along; itself, if it holds that.
    pub undone: Option<Uuid>,
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
    let directory = RecipientIndex::read(db, server, actor, outgoing).await?;
    let beginning = delivery::beginning(server);
    Ok(outgoing
        .iter()
        .flat_map(|activity| {
            let inboxes = directory.inboxes(activity, &server.federation);
            inboxes.into_iter().map(|(inbox, mentioned)| {
                let since = directory.unreachable_since(&inbox);
                delivery(server, actor, activity, (&inbox, mentioned), since, &beginning)
            })
        })
        .collect())
}

/// Counts the distinct inboxes of an account's followers on other servers, the unreachable ones
/// included, as they were a minute ago at most.
pub async fn count_inboxes(
    db: &mut PgConnection,
    server: &Server,
    actor: &Actor,
) -> sqlx::Result<i64> {
    if !server.federating {
        return Ok(0);
    }
    let followers = server.follower_inboxes.of(db, server, actor).await?;
    let inboxes: BTreeSet<&str> = followers.iter().map(InboxPair::shared).collect();
    Ok(i64::try_from(inboxes.len()).unwrap_or(i64::MAX))
}
