//! Whose turn it is in a slot that works on a group: the runs of a group follow each other without
//! notifications, and a single run that a person requests does not wait for all of them.

use std::{collections::HashSet, time::Duration};

use ostrakon_engine::{
    Class, answered,
    ledger::{self, Claim, Run},
};
use ostrakon_jobs::AnyJob;
use tokio::time::{MissedTickBehavior, interval};
use tracing::debug;

use super::LEDGER_TIMEOUT;
use crate::session::Session;

/// Interval at which a slot that works on a group looks for single runs. Other slots have taken
/// most of them by then.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Maximum number of single runs that are looked at. The first ones may all be left for a newer
/// worker.
const SINGLE_RUNS_MAX: i64 = 20;

/// A slot that works on a group.
pub(super) struct Turns {
    session: Session,
    class: Class,
    group_id: String,
    /// Runs that were left for a newer worker: they stay due.
    left: HashSet<String>,
}

impl Turns {
    /// The slot of a claim; `None` if its run belongs to no group.
    pub(super) fn of(session: &Session, claim: &Claim) -> Option<Self> {
        let class = Class::ALL.into_iter().find(|class| class.name() == claim.class)?;
        let group_id = claim.group_id.clone()?;
        Some(Self { session: session.clone(), class, group_id, left: HashSet::new() })
    }

    /// Passes over a run from now on.
    pub(super) fn leave(&mut self, run_id: String) {
        self.left.insert(run_id);
    }

    /// Ids of the runs that may be next: single runs that are due, then the group's next one.
    pub(super) async fn next(&self) -> sqlx::Result<Vec<String>> {
        let mut next = self.single_runs(None).await?;
        let mut db = self.session.side_pool.acquire().await?;
        next.extend(ledger::next_of_group(&mut db, self.class, &self.group_id).await?);
        Ok(next.into_iter().map(|run| run.id).filter(|id| !self.left.contains(id)).collect())
    }

    /// Waits until a single run has waited in vain for another slot.
    pub(super) async fn single_run_waits(&self) {
        let mut ticks = interval(CHECK_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            match answered(LEDGER_TIMEOUT, self.single_runs(Some(CHECK_INTERVAL))).await {
                Ok(waiting) if !waiting.is_empty() => return,
                Ok(_) => {}
                Err(error) => debug!(%error, "Waiting single runs could not be found"),
            }
        }
    }

    /// Single runs that are due, or have waited for longer than `waited`, and that this version can
    /// do.
    async fn single_runs(&self, waited: Option<Duration>) -> sqlx::Result<Vec<Run>> {
        let mut db = self.session.side_pool.acquire().await?;
        let mut runs =
            ledger::single_runs_waiting(&mut db, self.class, waited, SINGLE_RUNS_MAX).await?;
        runs.retain(|run| AnyJob::of(run).is_ok() && !self.left.contains(&run.id));
        Ok(runs)
    }
}
