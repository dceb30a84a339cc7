//! Where a job is done: by a worker, or here.

use std::time::Duration;

use ostrakon_jobs::engine::{
    Class,
    ledger::{self, SchemaState},
};

use super::{Failure, Output, submit::RunOptions};
use crate::session::Session;

/// A worker that was not seen for so long, by the database's clock, is taken for dead.
pub(super) const WORKER_TIMEOUT: Duration = Duration::from_secs(30);

/// The command that a person has just typed.
pub(super) const SAME_COMMAND: &str = "the same command";

/// What to do where no worker is alive; with `command` and `--inline` it is done here.
pub(super) fn no_worker_alive(command: &str) -> String {
    format!(
        "no worker is alive: start one with `ostrakon worker`, or do it here with {command} and --inline"
    )
}

/// Whether a worker is alive.
pub(super) async fn worker_is_alive(session: &Session) -> Result<bool, Failure> {
    let mut db = session.side_pool.acquire().await?;
    Ok(ledger::alive(&mut db, WORKER_TIMEOUT).await? > 0)
}

/// Has a short job done here where no worker is alive to do it: it is what was asked for, and takes
/// no longer than to ask for it.
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

async fn has_ledger(session: &Session) -> Result<bool, Failure> {
    let mut db = session.side_pool.acquire().await?;
    Ok(ledger::schema_state(&mut db).await? == SchemaState::Current)
}

/// Asks a person whether a long job is to be done here, where no worker is alive to do it.
pub(super) async fn long_jobs_here(
    session: &Session,
    options: &RunOptions,
    output: Output,
) -> Result<bool, Failure> {
    let decided = options.inline || options.queue || options.yes;
    if decided || worker_is_alive(session).await? {
        return Ok(options.inline);
    }
    let question =
        "No worker is alive. Do it here and now? (No: it is queued, and waits for a worker.)";
    Ok(output.ask(question) == Some(true))
}

/// Warns that a queued job waits for a worker that is not there. Returns whether a worker is alive.
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
