//! What commands do, without a word of output: plan a job, find what conflicts with it, enqueue it,
//! do it in this process, watch it, control it.
//!
//! Nothing here prints or asks. The caller decides what to show: the command line now, other
//! interfaces later.

mod control;
mod enqueue;
mod group_view;
mod group_watch;
mod guard;
mod inline;
mod interrupts;
mod planned;
mod run_view;
mod selection;
#[cfg(test)]
mod tests;
mod triage;
mod watch;

pub(crate) use control::{
    cancel, cancel_group, pause, pause_group, release_held, resume, resume_group, retry,
    retry_group, retry_parked, set_group_speed, set_speed,
};
pub(crate) use enqueue::{
    Enqueued, Notified, Outcome, Queued, Requester, enqueue_group, enqueue_one, notify,
    required_notifier,
};
pub(crate) use group_view::GroupView;
pub(crate) use group_watch::{GroupEvent, GroupWatch};
pub(crate) use guard::{Overridden, guard_host, guard_share};
pub(crate) use inline::{InlineEvent, run_inline};
pub(crate) use interrupts::{Interrupts, Stop};
pub(crate) use planned::{Planned, plan};
pub(crate) use run_view::RunView;
pub(crate) use selection::{
    Changed, Frozen, drop_selection, edit_selection, find_selection, load_selection, save_selection,
};
pub(crate) use triage::{Triage, may_take_over, triage, unfinished};
pub(crate) use watch::{Watch, WatchEvent};

use std::time::Duration;

use ostrakon_engine::ledger::{self, Group, Run, SchemaState};

use crate::{failure::Failure, session::Session};

/// Time after which a worker without a sign of life counts as dead, by the database's clock.
pub(crate) const WORKER_TIMEOUT: Duration = Duration::from_secs(30);

/// Interval at which the ledger is polled and progress is reported.
pub(crate) const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// Whether the database has a ledger of this version.
pub(crate) async fn has_ledger(session: &Session) -> Result<bool, Failure> {
    let mut db = session.side_pool.acquire().await?;
    Ok(ledger::schema_state(&mut db).await? == SchemaState::Current)
}

/// Whether a worker is running.
pub(crate) async fn worker_is_alive(session: &Session) -> Result<bool, Failure> {
    let mut db = session.side_pool.acquire().await?;
    Ok(ledger::alive(&mut db, WORKER_TIMEOUT).await? > 0)
}

/// Reads a run that must exist.
pub(crate) async fn find(session: &Session, id: &str) -> Result<Run, Failure> {
    let mut db = session.side_pool.acquire().await?;
    ledger::find(&mut db, id).await?.ok_or_else(|| {
        Failure::NotFound(format!("No run {id}; list them with: ostrakon runs list"))
    })
}

/// What an operator's id names.
#[derive(Debug)]
pub(crate) enum Named {
    /// A run.
    Run(Box<Run>),
    /// A group of runs.
    Group(Box<Group>),
}

/// Reads the run or the group that has an id.
pub(crate) async fn find_named(session: &Session, id: &str) -> Result<Named, Failure> {
    let mut db = session.side_pool.acquire().await?;
    if let Some(run) = ledger::find(&mut db, id).await? {
        return Ok(Named::Run(Box::new(run)));
    }
    let group = ledger::find_group(&mut db, id).await?;
    group.map(|group| Named::Group(Box::new(group))).ok_or_else(|| {
        Failure::NotFound(format!("No run or group {id}; list them with: ostrakon runs list"))
    })
}

/// Reads a group that must exist.
pub(crate) async fn find_group(session: &Session, id: &str) -> Result<Group, Failure> {
    let mut db = session.side_pool.acquire().await?;
    ledger::find_group(&mut db, id).await?.ok_or_else(|| {
        Failure::NotFound(format!("No group {id}; list them with: ostrakon runs list"))
    })
}

/// Reads runs, in the order of their requests.
pub(crate) async fn find_all(session: &Session, ids: &[String]) -> Result<Vec<Run>, Failure> {
    let mut db = session.side_pool.acquire().await?;
    Ok(ledger::find_all(&mut db, ids).await?)
}
