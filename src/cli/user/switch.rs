//! `ostrakon user activate NICK`, `ostrakon user deactivate NICK`, `ostrakon user toggle_activated NICK`

use ostrakon_jobs::{AnyJob, switch_user::SwitchUser};
use ostrakon_server::{Actor, Person, Server, TaskOutput, find_actor};

use super::quick_change::StaffOptions;
use crate::{
    cli::{Output, submit},
    failure::Failure,
    session::Session,
};

/// What can be typed.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Options {
    /// Nickname of the account, local or remote.
    #[arg(value_name = "NICK")]
    nickname: String,
    #[command(flatten)]
    staff: StaffOptions,
    /// Do not follow the run; on a terminal, the default is to follow it.
    #[arg(long, conflicts_with_all = ["wait", "inline"])]
    no_wait: bool,
    #[command(flatten)]
    submit: submit::RunOptions,
}

/// Account to switch, and the staff account on whose behalf.
struct Found {
    server: Server,
    actor: Actor,
    staff: Option<Person>,
}

/// Requests the job of one direction.
pub(super) async fn run<const ACTIVE: bool>(
    options: &Options,
    session: &Session,
    output: Output,
) -> Result<(), Failure>
where
    AnyJob: From<SwitchUser<ACTIVE>>,
{
    let found = find(options, session).await?;
    if !SwitchUser::<ACTIVE>::is_needed(&found.server, &found.actor) {
        let state = if ACTIVE { "activated" } else { "deactivated" };
        let line = format!("User {} already {state}", options.nickname);
        let job = job::<ACTIVE>(options, &found);
        return submit::nothing_to_do(session, &job, &options.submit, &[line], output).await;
    }
    let stored = found.actor.nickname.as_deref().unwrap_or(&options.nickname);
    let done = done_lines::<ACTIVE>(&found.server, &options.nickname, stored);
    let job = job::<ACTIVE>(options, &found);
    submit(options, session, found.server, job, done, output).await
}

/// Requests the job that reverses the account's state.
pub(super) async fn toggle(
    options: &Options,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    let found = find(options, session).await?;
    let (job, state) = if found.actor.active {
        (job::<false>(options, &found), "deactivated")
    } else {
        (job::<true>(options, &found), "activated")
    };
    let done = vec![format!("Activation status of {}: {state}", options.nickname)];
    submit(options, session, found.server, job, done, output).await
}

async fn find(options: &Options, session: &Session) -> Result<Found, Failure> {
    let server = session.server().await?;
    let nickname = &options.nickname;
    let mut db = session.pool.acquire().await?;
    let actor = find_actor(&mut db, &server, nickname)
        .await?
        .ok_or_else(|| Failure::NotFound(format!("No user {nickname}")))?;
    let staff = options.staff.find(&mut db, &server).await?;
    Ok(Found { server, actor, staff })
}

fn job<const ACTIVE: bool>(options: &Options, found: &Found) -> AnyJob
where
    AnyJob: From<SwitchUser<ACTIVE>>,
{
    let job = SwitchUser::<ACTIVE> {
        nickname: options.nickname.clone(),
        actor: found.actor.ap_id.clone(),
        on_behalf_of: found.staff.as_ref().map(|staff| staff.id),
    };
    job.into()
}

/// Requests a job. On a terminal the command follows the run, unless no worker is running.
async fn submit(
    options: &Options,
    session: &Session,
    server: Server,
    job: AnyJob,
    done: Vec<String>,
    output: Output,
) -> Result<(), Failure> {
    let asked = &options.submit;
    let sees_it_through = output.is_watched() && !options.no_wait && !asked.inline;
    let options = submit::RunOptions { wait_for_worker: sees_it_through, ..asked.clone() };
    let request = submit::Request { job, options: &options, done };
    submit::submit(session, server, request, output).await
}

/// The original's lines (docs/semantics.md 3.1).
fn done_lines<const ACTIVE: bool>(server: &Server, typed: &str, stored: &str) -> Vec<String> {
    match (ACTIVE, server.dialect.task_output) {
        (true, _) => vec![format!("Successfully activated {typed}")],
        (false, TaskOutput::Deactivated) => vec![
            format!("Deactivating {stored}"),
            format!("Successfully unsubscribed all local followers from {stored}"),
        ],
        (false, TaskOutput::Active) => {
            vec![format!("Successfully deactivated {typed} and unsubscribed all local followers")]
        }
    }
}
