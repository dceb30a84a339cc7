//! Where a job runs: in a worker, or in this process.

use ostrakon_engine::Class;

use super::{Failure, Output, submit::RunOptions};
use crate::{
    requests::{has_ledger, worker_is_alive},
    session::Session,
};

/// Placeholder for the command that the user has just typed.
pub(super) const SAME_COMMAND: &str = "the same command";

/// Advice for when no worker is running; `command` with `--inline` does the job in this process.
pub(super) fn no_worker_alive(command: &str) -> String {
    format!(
        "no worker is running: start one with `ostrakon worker`, or repeat {command} with --inline"
    )
}

/// Runs a short job in this process if no worker is running: the user asked for the job, and it
/// takes no longer than queueing it.
pub(super) async fn short_jobs_here(
    session: &Session,
    options: &RunOptions,
    class: Class,
) -> Result<RunOptions, Failure> {
    let inline = options.inline
        || class == Class::Short
            && !options.queue
            && !options.dry_run
            && has_ledger(session).await?
            && !worker_is_alive(session).await?;
    Ok(RunOptions { inline, ..options.clone() })
}

/// Asks the user whether to run a long job in this process if no worker is running.
pub(super) async fn long_jobs_here(
    session: &Session,
    options: &RunOptions,
    output: Output,
) -> Result<bool, Failure> {
    let decided = options.inline || options.queue || options.yes;
    if decided || worker_is_alive(session).await? {
        return Ok(options.inline);
    }
    let question = "No worker is running. Do it in this process now? (No: it is queued and waits \
                    for a worker.)";
    Ok(output.ask(question) == Some(true))
}

/// Warns if a queued job waits for a worker and none is running. Returns whether a worker is
/// running.
pub(super) async fn warn_without_worker(
    session: &Session,
    command: &str,
    output: Output,
) -> Result<bool, Failure> {
    let alive = worker_is_alive(session).await?;
    if !alive {
        output.warning(format!("NOTHING IS DONE YET, {}", no_worker_alive(command)));
    }
    Ok(alive)
}
