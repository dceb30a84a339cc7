//! Following a run to its end, with its progress on the terminal.

use std::time::Duration;

use ostrakon_engine::ledger::{Group, Run};
use tokio::{signal::ctrl_c, time::timeout};

use super::{
    Failure, Output,
    display::Display,
    place::{SAME_COMMAND, no_worker_alive},
};
use crate::{
    requests::{GroupEvent, GroupWatch, Watch, WatchEvent},
    session::Session,
};

/// Follows a run until it ends. Ctrl-C stops following; the run goes on.
pub(super) async fn wait(
    session: &Session,
    id: &str,
    wait_timeout: Option<Duration>,
    output: Output,
) -> Result<Run, Failure> {
    limited("run", id, wait_timeout, Box::pin(until_finished(session, id, output))).await
}

/// Follows a group until its last run ends. Ctrl-C stops following; the group goes on.
pub(super) async fn wait_group(
    session: &Session,
    id: &str,
    wait_timeout: Option<Duration>,
    output: Output,
) -> Result<Group, Failure> {
    limited("group", id, wait_timeout, Box::pin(until_group_finished(session, id, output))).await
}

/// Follows something until its end, until the time is up, or until Ctrl-C.
async fn limited<T>(
    what: &str,
    id: &str,
    wait_timeout: Option<Duration>,
    until_finished: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let followed = async {
        tokio::select! {
            ended = until_finished => ended,
            _ = ctrl_c() => Err(Failure::Interrupted(format!(
                "no longer following {what} {id}, which continues. Follow it again with: ostrakon \
                 runs watch {id}"
            ))),
        }
    };
    match wait_timeout {
        None => followed.await,
        Some(limit) => timeout(limit, followed).await.unwrap_or_else(|_elapsed| {
            Err(Failure::TimedOut(format!(
                "{what} {id} did not finish within {} and was left as it is; follow it with: \
                 ostrakon runs watch {id}",
                humantime::format_duration(limit)
            )))
        }),
    }
}

async fn until_finished(session: &Session, id: &str, output: Output) -> Result<Run, Failure> {
    let mut display = Display::new(output);
    let mut watch = Watch::new(session, id);
    loop {
        match watch.next().await? {
            WatchEvent::Progress { subject, progress } => display.show(&subject, &progress),
            WatchEvent::Paused => output
                .note(format!("Run {id} is paused; resume it with: ostrakon runs resume {id}")),
            WatchEvent::NeedsNewer(unknown) => {
                output.note(format!("Run {id} waits for a worker of a newer version: {unknown}"));
            }
            WatchEvent::WaitsFor(reason) => output.note(format!("Run {id} waits for {reason}")),
            WatchEvent::NoWorker => {
                output.warning(format!("run {id} waits, and {}", no_worker_alive(SAME_COMMAND)));
            }
            WatchEvent::Finished(run) => return Ok(*run),
        }
    }
}

async fn until_group_finished(
    session: &Session,
    id: &str,
    output: Output,
) -> Result<Group, Failure> {
    let mut display = Display::new(output);
    let mut watch = GroupWatch::new(session, id);
    loop {
        match watch.next().await? {
            GroupEvent::Progress { subject, progress } => display.show(&subject, &progress),
            GroupEvent::Paused => output
                .note(format!("Group {id} is paused; resume it with: ostrakon runs resume {id}")),
            GroupEvent::NoWorker => {
                output.warning(format!("group {id} waits, and {}", no_worker_alive(SAME_COMMAND)));
            }
            GroupEvent::Finished(group) => return Ok(*group),
        }
    }
}
