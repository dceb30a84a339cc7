//! One batch of deletions, for whichever job.

use sqlx::PgConnection;

use super::{Cursor, decide, read, via_server::Purges, write};
use crate::{
    engine::{Batch, JobError, Skipped, Wait},
    pleroma::{Actor, Fanout, Server, backlog},
};

/// How the activities of an account are deleted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    /// Who tells other servers.
    pub(crate) telling: Telling,
    /// Whether a Delete names the activity that made the post: the server cannot find that of an
    /// inactive author.
    pub(crate) names_create: bool,
}

/// Who tells other servers of a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Telling {
    /// The server, by a `publish` job.
    Server,
    /// This program, by a `publish_one` job per inbox.
    Direct,
    /// Nobody.
    Nobody,
}

impl Manner {
    /// As the settings say, except that the server can tell nothing in the name of an inactive
    /// account.
    pub(super) fn of(server: &Server, actor: &Actor) -> Self {
        let by_server = actor.active && server.federation.fanout == Fanout::Server;
        let telling = if by_server { Telling::Server } else { Telling::Direct };
        Self { telling, names_create: actor.active }
    }
}

/// What became of the next activities of an account.
pub(crate) struct Deleted {
    pub(crate) batch: Batch<Cursor>,
    /// Whether the account's own row changed.
    pub(crate) account: bool,
}

/// Deletes the next activities of an account; with `purges`, posts are left to the server.
pub(crate) async fn delete_some(
    server: &Server,
    db: &mut PgConnection,
    actor: &Actor,
    manner: Manner,
    purges: Option<&mut Purges>,
    cursor: Cursor,
    limit: i64,
) -> Result<Deleted, JobError> {
    let walked = read::walk(db, server, &actor.ap_id, &cursor, limit).await?;
    let Some(last) = walked.last() else {
        let cursor = Cursor { after: cursor.until, ..cursor };
        return Ok(Deleted { batch: Batch::end(cursor), account: false });
    };
    if actor.local && manner.telling != Telling::Nobody {
        let wait = deliveries_to_wait_for(db, server).await?;
        if wait.is_some() {
            let batch = Batch { wait, ..Batch::go_on(0, cursor) };
            return Ok(Deleted { batch, account: false });
        }
    }
    let next = Cursor { after: last.id, until: cursor.until };
    let mut objects = read::lock_objects(db, &walked).await?;
    let mut there = read::still_there(db, walked).await?;
    let mut done = 0;
    if let Some(purges) = purges {
        there = purges.ask(server, db, there, &objects).await?;
        done += purges.asked;
    }
    read::insert_missing(db, &actor.ap_id, &there, &mut objects).await?;
    let (writes, parked) = decide::decide(server, actor, manner, &there, &objects);
    let written = write::apply(db, server, actor, &cursor, writes).await?;
    done += written.removed;
    let parked = parked.into_iter().map(|parking| parking.map(|id| cursor.before(id))).collect();
    let deliveries_until = written.deliveries_until;
    let batch = Batch { parked, deliveries_until, ..Batch::go_on(done, next) };
    Ok(Deleted { batch, account: written.account })
}

/// Says how to wait when the server has too much to deliver already.
pub(crate) async fn deliveries_to_wait_for(
    db: &mut PgConnection,
    server: &Server,
) -> sqlx::Result<Option<Wait>> {
    if !server.federating {
        return Ok(None);
    }
    let backlog = backlog(db, server).await?;
    Ok(backlog.map(|backlog| Wait { delay: backlog.look_again, reason: backlog.reason }))
}

/// Steps over the next activity.
pub(crate) async fn skip_one(
    server: &Server,
    db: &mut PgConnection,
    actor: &str,
    cursor: Cursor,
) -> Result<Option<Skipped<Cursor>>, JobError> {
    let walked = read::walk(db, server, actor, &cursor, 1).await?;
    Ok(walked.into_iter().next().map(|activity| Skipped {
        item: activity.ap_id.unwrap_or_else(|| activity.id.to_string()),
        cursor: Cursor { after: activity.id, until: cursor.until },
    }))
}
