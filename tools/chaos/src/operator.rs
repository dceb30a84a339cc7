//! Faults by operators, and by clients that all request the same.

use std::process::Output;
use std::time::Duration;

use anyhow::{Result, bail};
use futures::future::try_join_all;
use tokio::time::sleep;

use super::inject::eventually;
use super::round::Round;

/// Time limit for an operator's request while other faults happen.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Delay before a client retries because a server was unreachable.
const PAUSE: Duration = Duration::from_millis(200);

/// Clients that request the same simultaneously.
const CROWD: usize = 40;

/// Runs a command until it is accepted or refused.
async fn command(round: &Round<'_>, arguments: &[&str]) -> Result<Output> {
    for _ in 0..300 {
        let output = round.environment.ostrakon.async_command(arguments).output().await?;
        match output.status.code() {
            Some(1 | 8) => sleep(PAUSE).await,
            _ => return Ok(output),
        }
    }
    bail!("`ostrakon {}` was not taken", arguments.join(" "))
}

/// Waits until a run has a status, or has finished without reaching it.
async fn reaches(round: &Round<'_>, id: &str, wanted: &str) -> Result<bool> {
    eventually(&format!("run {id} to be {wanted}"), TIMEOUT, async || {
        let status = round.status(id).await?;
        let finished = ["succeeded", "incomplete", "failed"].contains(&status.as_str());
        Ok((finished || status == wanted).then_some(status == wanted))
    })
    .await
}

/// Pauses a run, waits until it is paused, and resumes it.
pub(super) async fn pause(round: &Round<'_>) -> Result<Option<bool>> {
    stop_and_go(round, "pause", "paused", "resume").await
}

/// Cancels a run, waits for its end, and retries it.
pub(super) async fn cancel(round: &Round<'_>) -> Result<Option<bool>> {
    stop_and_go(round, "cancel", "cancelled", "retry").await
}

async fn stop_and_go(
    round: &Round<'_>,
    stop: &str,
    status: &str,
    go: &str,
) -> Result<Option<bool>> {
    let Some(id) = round.running_run().await? else { return Ok(Some(false)) };
    command(round, &["runs", stop, &id]).await?;
    if !reaches(round, &id, status).await? {
        // It was done before the request was obeyed.
        return Ok(Some(false));
    }
    goes_on(round, &id, status, go).await?;
    Ok(Some(true))
}

/// Repeats the command until the run continues: the answer of a command may be lost, but not its
/// effect.
async fn goes_on(round: &Round<'_>, id: &str, status: &str, go: &str) -> Result<()> {
    eventually(&format!("run {id} to go on"), TIMEOUT, async || {
        if round.status(id).await? != status {
            return Ok(Some(()));
        }
        command(round, &["runs", go, id]).await?;
        Ok(None)
    })
    .await
}

/// Sends many simultaneous requests for a run that already exists, but is paused. Each client must
/// receive its id.
pub(super) async fn crowd(round: &Round<'_>) -> Result<Option<bool>> {
    let Some((id, task)) = round.task_in_progress().await? else { return Ok(Some(false)) };
    command(round, &["runs", "pause", &id]).await?;
    if !reaches(round, &id, "paused").await? {
        return Ok(Some(false));
    }
    let mut arguments = vec!["user"];
    arguments.extend(task.arguments.iter().map(String::as_str));
    arguments.extend(["--yes", "--quiet"]);
    let clients = (0..CROWD).map(|_| round.environment.ostrakon.async_command(&arguments).output());
    let mut reported = 0;
    for output in try_join_all(clients).await? {
        match output.status.code() {
            Some(5) if String::from_utf8_lossy(&output.stderr).contains(&id) => reported += 1,
            // A server was unreachable, and nothing was written.
            Some(1 | 8) => {}
            _ => round.violation(format!("a client of a crowd was answered {output:?}")),
        }
    }
    goes_on(round, &id, "paused", "resume").await?;
    Ok(Some(reported > CROWD / 2))
}
