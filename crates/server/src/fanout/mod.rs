//! Notifying other servers without the server's own fan-out (docs/semantics.md 2.4).
//!
//! The server's `publish` job determines the inboxes itself, but only for an active actor. A
//! `publish_one` job names its inbox and needs only the actor's keys: the server signs and delivers
//! it for an inactive actor as well.

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

/// Fan-out of an activity: which program determines the inboxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fanout {
    /// The server, by a `publish` job.
    Server,
    /// ostrakon, by a `publish_one` job per inbox.
    Ostrakon,
}

/// New activity that other servers should receive. Its row already exists.
#[derive(Debug)]
pub struct Outgoing {
    /// Id of the activity's row.
    pub id: Flake,
    /// ActivityPub id of the activity.
    pub ap_id: String,
    /// Row of the object that it deletes: accounts that fetched the object are notified as well.
    pub deleted_object: Option<i64>,
    /// Activity that it undoes, for the servers that embed it; the Undo itself, if it embeds that
    /// activity.
    pub undone: Option<Uuid>,
}

/// Creates the jobs that deliver activities of one actor, one for each distinct inbox. Deletes the
/// records of who fetched the deleted objects, as the server does when it delivers.
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
            let inboxes =
                directory.inboxes(activity, &server.federation, server.dialect.quarantine);
            inboxes.into_iter().map(|(inbox, mentioned)| {
                let since = directory.unreachable_since(&inbox);
                delivery(server, actor, activity, (&inbox, mentioned), since, &beginning)
            })
        })
        .collect())
}

/// Counts the distinct inboxes of an account's followers on other servers, unreachable ones
/// included; at most one minute old.
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
