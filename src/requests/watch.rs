//! Watching a run until it ends: a series of typed events.

use std::time::{Duration, Instant};

use ostrakon_engine::{Progress, Status, ledger::Run};
use ostrakon_jobs::AnyJob;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::{POLL_INTERVAL, find, worker_is_alive};
use crate::{failure::Failure, session::Session};

/// Time a run may wait in the queue before the watch checks whether a worker is running.
const PICKED_UP: Duration = Duration::from_secs(10);

/// What a watch reports.
#[derive(Debug)]
pub(crate) enum WatchEvent {
    /// The progress of the run with this subject; after each poll.
    Progress {
        /// Subject of the run.
        subject: String,
        /// Its progress.
        progress: Box<Progress>,
    },
    /// The run was paused.
    Paused,
    /// The run waits for a worker of a newer version, for this reason.
    NeedsNewer(String),
    /// The run waits for this; once per reason.
    WaitsFor(String),
    /// The run has waited for a while, and no worker is running; once.
    NoWorker,
    /// The run has ended.
    Finished(Box<Run>),
}

/// A run that is watched.
#[derive(Debug)]
pub(crate) struct Watch<'a> {
    session: &'a Session,
    id: &'a str,
    ticks: Interval,
    /// Status at the latest poll.
    status: Option<Status>,
    waits_for: Option<String>,
    /// When the run was last seen outside of the queue, or a worker was looked for.
    picked_up: Instant,
    warned: bool,
    /// Run of the latest poll, whose further events are still to be reported.
    polled: Option<Run>,
}

impl<'a> Watch<'a> {
    /// Watches a run.
    pub(crate) fn new(session: &'a Session, id: &'a str) -> Self {
        let mut ticks = interval(POLL_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            session,
            id,
            ticks,
            status: None,
            waits_for: None,
            picked_up: Instant::now(),
            warned: false,
            polled: None,
        }
    }

    /// Waits for the next event. [`WatchEvent::Finished`] is the last one.
    pub(crate) async fn next(&mut self) -> Result<WatchEvent, Failure> {
        if let Some(run) = self.polled.take()
            && let Some(event) = self.changed(run).await?
        {
            return Ok(event);
        }
        self.ticks.tick().await;
        let run = find(self.session, self.id).await?;
        let subject = run.subject.clone();
        let progress = Box::new(progress_of(&run));
        self.polled = Some(run);
        Ok(WatchEvent::Progress { subject, progress })
    }

    /// What has changed since the poll before.
    async fn changed(&mut self, run: Run) -> Result<Option<WatchEvent>, Failure> {
        let before = self.status.replace(run.status);
        if run.status.is_finished() {
            return Ok(Some(WatchEvent::Finished(Box::new(run))));
        }
        let is_new = before != Some(run.status);
        if run.status != Status::Queued {
            self.picked_up = Instant::now();
            return Ok((is_new && run.status == Status::Paused).then_some(WatchEvent::Paused));
        }
        if is_new && let Err(unknown) = AnyJob::of(&run) {
            // What it waits for is reported next.
            self.polled = Some(run);
            return Ok(Some(WatchEvent::NeedsNewer(unknown.to_string())));
        }
        let reason = run.waits_for().filter(|_| run.cursor.is_some());
        if let Some(reason) = reason
            && self.waits_for.as_deref() != Some(reason)
        {
            self.waits_for = Some(reason.to_owned());
            return Ok(Some(WatchEvent::WaitsFor(reason.to_owned())));
        }
        if self.picked_up.elapsed() > PICKED_UP {
            self.picked_up = Instant::now();
            if !self.warned && !worker_is_alive(self.session).await? {
                self.warned = true;
                return Ok(Some(WatchEvent::NoWorker));
            }
        }
        Ok(None)
    }
}

fn progress_of(run: &Run) -> Progress {
    Progress {
        done: run.done,
        total: run.total,
        parked: run.parked,
        step: run.step(),
        throttled: run.throttled().map(str::to_owned),
        deliveries_until: run.deliveries_until,
        ..Progress::default()
    }
}
