//! Operators, and clients who all want the same.

use std::process::Output;
use std::time::Duration;

use anyhow::{Result, bail};
use futures::future::try_join_all;
use tokio::time::sleep;

use super::inject::eventually;
use super::round::Round;

/// How long an operator's wish may take while everything else goes wrong.
const PATIENCE: Duration = Duration::from_secs(60);

/// Pause before somebody asks again who was told that a server is away.
const PAUSE: Duration = Duration::from_millis(200);

/// Clients who ask for the same at once.
const CROWD: usize = 100;

/// Runs a command until it is taken or refused.
async fn command(round: &Round<'_>, arguments: &[&str]) -> Result<Output> {
    for _ in 0..300 {
        let output = round.house.kenoma.command(arguments).output().await?;
        match output.status.code() {
            Some(1 | 8) => sleep(PAUSE).await,
            _ => return Ok(output),
        }
    }
    bail!("`kenoma {}` was not taken", arguments.join(" "))
}

/// Waits until a run has a status, or is finished without ever having had it.
async fn reaches(round: &Round<'_>, id: &str, wanted: &str) -> Result<bool> {
    eventually(&format!("run {id} to be {wanted}"), PATIENCE, async || {
        let status = round.status(id).await?;
        let finished = ["succeeded", "failed"].contains(&status.as_str());
        Ok((finished || status == wanted).then_some(status == wanted))
    })
    .await
}

/// Pauses a run, waits until it stands, and lets it go on.
pub(super) async fn pause(round: &Round<'_>) -> Result<Option<bool>> {
    stop_and_go(round, "pause", "paused", "resume").await
}

/// Cancels a run, waits for its end, and has it tried again.
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
    command(round, &["jobs", stop, &id]).await?;
    if !reaches(round, &id, status).await? {
        // It was done before the wish came through.
        return Ok(Some(false));
    }
    command(round, &["jobs", go, &id]).await?;
    eventually(&format!("run {id} to go on"), PATIENCE, async || {
        if round.status(&id).await? == status {
            // The answer of a command may have been lost, but not its effect.
            command(round, &["jobs", go, &id]).await?;
            return Ok(None);
        }
        Ok(Some(()))
    })
    .await?;
    Ok(Some(true))
}

/// A hundred clients ask for a run that is on its way: each is told its id.
pub(super) async fn crowd(round: &Round<'_>) -> Result<Option<bool>> {
    let Some((id, errand)) = round.errand_at_work().await? else { return Ok(Some(false)) };
    let mut arguments = vec!["user"];
    arguments.extend(errand.arguments.iter().map(String::as_str));
    arguments.extend(["--yes", "--quiet"]);
    let clients = (0..CROWD).map(|_| round.house.kenoma.command(&arguments).output());
    let outputs = try_join_all(clients).await?;
    let told = outputs.iter().filter(|output| {
        output.status.code() == Some(5) && String::from_utf8_lossy(&output.stderr).contains(&id)
    });
    // Those who found a server away were told so; those who came after its end found nothing to do.
    Ok(Some(told.count() > CROWD / 4))
}
