//! Requests runs on the command line, as often as necessary.

use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use ostrakon_engine::FailPoint;
use testkit::Ostrakon;
use tokio::time::sleep;

use super::round::Round;
use super::task::Task;

/// Maximum number of attempts before it counts as a violation.
const TRIES: u32 = 300;

/// Delay before a client retries because a server was unreachable.
const PAUSE: Duration = Duration::from_millis(200);

/// Performs a task immediately and without faults.
pub(super) async fn undisturbed(ostrakon: &Ostrakon, task: &Task) -> Result<()> {
    let mut arguments = vec!["user"];
    arguments.extend(task.arguments.iter().map(String::as_str));
    arguments.extend(["--inline", "--yes", "--quiet"]);
    let output = ostrakon.async_command(&arguments).output().await?;
    // 6: the spoilt post is parked.
    ensure!(matches!(output.status.code(), Some(0 | 6)), "{task:?}: {output:?}");
    Ok(())
}

/// Queues a task. Every fifth client dies during the request.
pub(super) async fn queue(round: &Round<'_>, task: &Task, number: usize) -> Result<()> {
    let mut arguments = vec!["user"];
    arguments.extend(task.arguments.iter().map(String::as_str));
    arguments.extend(["--yes", "--quiet", "--queue"]);
    let places = [FailPoint::BeforeEnqueueCommit, FailPoint::AfterEnqueueCommit];
    let mut dies_at = (number % 5 == 4).then(|| places[number / 5 % 2]);
    for _ in 0..TRIES {
        let mut command = round.environment.ostrakon.async_command(&arguments);
        if let Some(place) = dies_at {
            command.env("FAILPOINTS", format!("{}=return", place.name()));
        }
        let output = command.output().await?;
        match (output.status.code(), output.status.signal()) {
            // Queued, or an earlier client queued it before it died.
            (Some(0 | 5), _) => return Ok(()),
            (_, Some(9)) => {
                if let Some(place) = dies_at.take() {
                    round.tally().died_at(place, true);
                }
            }
            // A server was unreachable, or something was in the way: nothing was written.
            (Some(1 | 8), _) => sleep(PAUSE).await,
            _ => bail!("`ostrakon {}` ended with {output:?}", arguments.join(" ")),
        }
    }
    bail!("`ostrakon {}` was not taken in {TRIES} tries", arguments.join(" "))
}
