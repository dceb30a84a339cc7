//! One batch of deletions, for every job that deletes activities.

use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Cursor,
    about::{self, AboutThem},
    decide::{Writes, decide},
    read::{self, Activity},
    via_server::Purges,
    write,
};
use ostrakon_engine::{Batch, JobError, Parking, Skipped, Wait};
use ostrakon_server::{Actor, Fanout, Server, backlog, count_inboxes};

/// Maximum number of deliveries that ostrakon itself creates in one batch, unless the batch is a
/// single activity.
const DELIVERIES_MAX: i64 = 10_000;

/// Settings for deleting an account's activities.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FederationMode {
    /// Who notifies other servers.
    pub(crate) telling: DeliverBy,
    /// Whether a Delete names the activity that created the post: the server cannot find the Create
    /// of an inactive author.
    pub(crate) names_create: bool,
}

/// Who notifies other servers of a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeliverBy {
    /// The server, by a `publish` job.
    Server,
    /// ostrakon, by a `publish_one` job per inbox.
    Direct,
    /// No notification.
    Nobody,
}

impl FederationMode {
    /// Follows the settings, except that the server cannot notify anyone on behalf of an inactive
    /// account.
    pub(super) fn of(server: &Server, actor: &Actor) -> Self {
        let by_server = actor.active && server.federation.fanout == Fanout::Server;
        let telling = if by_server { DeliverBy::Server } else { DeliverBy::Direct };
        Self { telling, names_create: actor.active }
    }

    /// Maximum number of activities to federate in one batch: each needs one delivery per inbox.
    async fn most_activities(
        self,
        db: &mut PgConnection,
        server: &Server,
        actor: &Actor,
    ) -> sqlx::Result<i64> {
        if self.telling != DeliverBy::Direct || !actor.local {
            return Ok(i64::MAX);
        }
        let inboxes = count_inboxes(db, server, actor).await?;
        Ok((DELIVERIES_MAX / inboxes.max(1)).max(1))
    }
}

/// Result of deleting an account's next activities.
pub(crate) struct Deleted {
    pub(crate) batch: Batch<Cursor>,
    /// Whether the account's own row changed.
    pub(crate) account: bool,
}

/// Deletes the next activities of an account; with `purges`, leaves posts to the server.
pub(crate) async fn delete_some(
    db: &mut PgConnection,
    server: &Server,
    actor: &Actor,
    manner: FederationMode,
    purges: Option<&mut Purges>,
    cursor: Cursor,
    limit: i64,
) -> Result<Deleted, JobError> {
    let limit = limit.min(manner.most_activities(db, server, actor).await?);
    let walked = read::walk(db, server, &actor.ap_id, &cursor, limit).await?;
    let Some(last) = walked.last() else {
        let cursor = Cursor { after: cursor.until, ..cursor };
        return Ok(Deleted { batch: Batch::end(cursor), account: false });
    };
    if actor.local && manner.telling != DeliverBy::Nobody {
        let wait = deliveries_to_wait_for(db, server).await?;
        if wait.is_some() {
            let batch = Batch { wait, ..Batch::go_on(0, cursor) };
            return Ok(Deleted { batch, account: false });
        }
    }
    let last = last.id;
    let rows = walked.len();
    let mut objects = read::lock_objects(db, &walked).await?;
    let mut there = read::still_there(db, walked).await?;
    read::read_facts(db, server, &there, &mut objects).await?;
    let mut done = 0;
    // The server must not be asked twice for the same posts, so this batch cannot be retried with
    // fewer rows.
    let allowed = if purges.is_some() { about::NO_LIMIT } else { about::allowance(limit) };
    if let Some(purges) = purges {
        there = purges.ask(db, server, actor, there, &objects).await?;
        done += purges.asked;
    }
    read::insert_missing(db, server, &actor.ap_id, &there, &mut objects).await?;
    let undone = read::read_undone(db, server, &there).await?;
    let whole = Walked { there, last, rows };
    let decide = |there: &[Activity]| decide(server, actor, manner, there, &objects, &undone);
    let (whole, about) = match what_fits(db, server, whole, allowed, decide).await? {
        Fitting::Batch(whole, about) => (whole, about),
        Fitting::Portion(activity, about) => {
            let batch = about::remove_portion(db, actor, cursor, activity, about, allowed).await?;
            return Ok(Deleted { batch, account: false });
        }
    };
    let (walked, (writes, parked)) = *whole;
    let written = write::apply(db, server, actor, &cursor, writes, about).await?;
    done += written.removed;
    let parked = parked.into_iter().map(|parking| parking.map(|id| cursor.before(id))).collect();
    let deliveries_until = written.deliveries_until;
    let next = Cursor { after: walked.last, until: cursor.until };
    let rows = i64::try_from(walked.rows).ok().filter(|&rows| rows < limit);
    let touched = written.touched.written()?;
    let batch =
        Batch { rows, parked, deliveries_until, written: touched, ..Batch::go_on(done, next) };
    Ok(Deleted { batch, account: written.account })
}

/// Next activities of the account.
struct Walked {
    /// Activities that the job deals with.
    there: Vec<Activity>,
    /// Last activity walked over, of any type.
    last: Uuid,
    /// Number of rows walked over, or kept after halving.
    rows: usize,
}

impl Walked {
    /// Keeps the first half of the activities.
    fn halve(&mut self) {
        let half = self.there.len() / 2;
        if let Some(next) = self.there.get(half) {
            self.last = Uuid::from_u128(next.id.as_u128().saturating_sub(1));
        }
        self.there.truncate(half);
        self.rows = half;
    }
}

type Decided = (Writes, Vec<Parking<Uuid>>);

/// Work that fits into one transaction.
enum Fitting {
    /// Activities, with everything about them.
    Batch(Box<(Walked, Decided)>, AboutThem),
    /// A single activity, with only a portion of what is about it.
    Portion(Uuid, AboutThem),
}

/// Finds the activities about a batch, and halves the batch until they fit into one transaction.
async fn what_fits(
    db: &mut PgConnection,
    server: &Server,
    mut walked: Walked,
    allowed: i64,
    decide: impl Fn(&[Activity]) -> Decided,
) -> sqlx::Result<Fitting> {
    loop {
        let decided = decide(&walked.there);
        let (writes, _) = &decided;
        let about = about::find(db, server, &writes.deleted_objects, allowed).await?;
        let fits = !about.is_more_than(allowed) && {
            let all: Vec<Uuid> = about.all().chain(writes.undone.iter().copied()).collect();
            about::what_hangs_on_them_fits(db, &all, allowed).await?
        };
        if fits {
            return Ok(Fitting::Batch(Box::new((walked, decided)), about));
        }
        if let [only] = walked.there.as_slice() {
            return Ok(Fitting::Portion(only.id, about));
        }
        walked.halve();
    }
}

/// Returns how to wait if the server has too many deliveries pending.
pub(crate) async fn deliveries_to_wait_for(
    db: &mut PgConnection,
    server: &Server,
) -> sqlx::Result<Option<Wait>> {
    if !server.federating {
        return Ok(None);
    }
    let backlog = backlog(db, server).await?;
    Ok(backlog.map(|backlog| Wait { delay: backlog.recheck, reason: backlog.reason }))
}

/// Skips the next activity.
pub(crate) async fn skip_one(
    db: &mut PgConnection,
    server: &Server,
    actor: &str,
    cursor: Cursor,
) -> Result<Option<Skipped<Cursor>>, JobError> {
    let walked = read::walk(db, server, actor, &cursor, 1).await?;
    Ok(walked.into_iter().next().map(|activity| Skipped {
        item: activity.name(),
        cursor: Cursor { after: activity.id, until: cursor.until },
    }))
}
