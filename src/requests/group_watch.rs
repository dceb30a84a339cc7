//! Watching a group until its last run ends: a series of typed events.

use std::time::{Duration, Instant};

use ostrakon_engine::{Progress, Status, ledger::Group};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::{find_group, worker_is_alive};
use crate::{failure::Failure, numbers::thousands, session::Session};

/// Interval at which the group is summed up. It may have thousands of runs.
const INTERVAL: Duration = Duration::from_millis(500);

/// Time for which no run is worked on before the watch checks whether a worker is running.
const PICKED_UP: Duration = Duration::from_secs(10);

/// What a watch of a group reports.
#[derive(Debug)]
pub(crate) enum GroupEvent {
    /// The progress of all its runs together; after each poll.
    Progress {
        /// Subject of the group, with the number of its runs that have ended.
        subject: String,
        /// Its progress.
        progress: Box<Progress>,
    },
    /// All unfinished runs are paused.
    Paused,
    /// Its runs have waited for a while, and no worker is running; once.
    NoWorker,
    /// The last run has ended.
    Finished(Box<Group>),
}

/// A group that is watched.
#[derive(Debug)]
pub(crate) struct GroupWatch<'a> {
    session: &'a Session,
    id: &'a str,
    ticks: Interval,
    /// Status at the latest poll.
    status: Option<Status>,
    /// When a run was last seen outside of the queue, or a worker was looked for.
    picked_up: Instant,
    warned: bool,
    /// Group of the latest poll, whose further events are still to be reported.
    polled: Option<Group>,
}

impl<'a> GroupWatch<'a> {
    /// Watches a group.
    pub(crate) fn new(session: &'a Session, id: &'a str) -> Self {
        let mut ticks = interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let picked_up = Instant::now();
        Self { session, id, ticks, status: None, picked_up, warned: false, polled: None }
    }

    /// Waits for the next event. [`GroupEvent::Finished`] is the last one.
    pub(crate) async fn next(&mut self) -> Result<GroupEvent, Failure> {
        if let Some(group) = self.polled.take()
            && let Some(event) = self.changed(group).await?
        {
            return Ok(event);
        }
        self.ticks.tick().await;
        let group = find_group(self.session, self.id).await?;
        let (ended, all) = (thousands(group.finished()), thousands(group.runs()));
        let subject = format!("{} ({ended} of {all} runs done)", group.subject);
        let progress = Box::new(Progress {
            done: group.done,
            total: Some(group.total),
            parked: group.parked,
            step: group.current.clone(),
            throttled: group.throttle_reason.clone(),
            deliveries_until: group.deliveries_until,
            ..Progress::default()
        });
        self.polled = Some(group);
        Ok(GroupEvent::Progress { subject, progress })
    }

    /// What has changed since the poll before.
    async fn changed(&mut self, group: Group) -> Result<Option<GroupEvent>, Failure> {
        let status = group.status();
        let before = self.status.replace(status);
        if group.unfinished() == 0 {
            return Ok(Some(GroupEvent::Finished(Box::new(group))));
        }
        if status != Status::Queued {
            self.picked_up = Instant::now();
            let is_new = before != Some(status);
            return Ok((is_new && status == Status::Paused).then_some(GroupEvent::Paused));
        }
        if self.picked_up.elapsed() > PICKED_UP {
            self.picked_up = Instant::now();
            if !self.warned && !worker_is_alive(self.session).await? {
                self.warned = true;
                return Ok(Some(GroupEvent::NoWorker));
            }
        }
        Ok(None)
    }
}
