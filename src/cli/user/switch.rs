//! `ostrakon user activate NICK`, `ostrakon user deactivate NICK`, `ostrakon user toggle_activated NICK`

use ostrakon_jobs::{ActivateUser, AnyJob, DeactivateUser};
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

/// Which way an account is switched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Switch {
    /// It becomes active.
    Activate,
    /// It becomes inactive.
    Deactivate,
}

impl Switch {
    /// Whether there is anything to do.
    fn is_needed(self, found: &Found) -> bool {
        match self {
            Self::Activate => ActivateUser::is_needed(&found.server, &found.actor),
            Self::Deactivate => DeactivateUser::is_needed(&found.server, &found.actor),
        }
    }

    /// The job that does it.
    fn job(self, options: &Options, found: &Found) -> AnyJob {
        let nickname = options.nickname.clone();
        let actor = found.actor.ap_id.clone();
        let on_behalf_of = found.staff.as_ref().map(|staff| staff.id);
        match self {
            Self::Activate => ActivateUser::new(nickname, actor, on_behalf_of).into(),
            Self::Deactivate => DeactivateUser::new(nickname, actor, on_behalf_of).into(),
        }
    }

    /// Past participle for messages.
    const fn done(self) -> &'static str {
        match self {
            Self::Activate => "activated",
            Self::Deactivate => "deactivated",
        }
    }
}

/// Requests the job of one direction.
pub(super) async fn run(
    switch: Switch,
    options: &Options,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    let found = find(options, session).await?;
    if !switch.is_needed(&found) {
        let line = format!("User {} already {}", options.nickname, switch.done());
        let job = switch.job(options, &found);
        return submit::nothing_to_do(session, &job, &options.submit, &[line], output).await;
    }
    let stored = found.actor.nickname.as_deref().unwrap_or(&options.nickname);
    let done = done_lines(switch, &found.server, &options.nickname, stored);
    let job = switch.job(options, &found);
    submit(options, session, found.server, job, done, output).await
}

/// Requests the job that reverses the account's state.
pub(super) async fn toggle(
    options: &Options,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    let found = find(options, session).await?;
    let switch = if found.actor.active { Switch::Deactivate } else { Switch::Activate };
    let job = switch.job(options, &found);
    let done = vec![format!("Activation status of {}: {}", options.nickname, switch.done())];
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
fn done_lines(switch: Switch, server: &Server, typed: &str, stored: &str) -> Vec<String> {
    match (switch, server.dialect.task_output) {
        (Switch::Activate, _) => vec![format!("Successfully activated {typed}")],
        (Switch::Deactivate, TaskOutput::Deactivated) => vec![
            format!("Deactivating {stored}"),
            format!("Successfully unsubscribed all local followers from {stored}"),
        ],
        (Switch::Deactivate, TaskOutput::Active) => {
            vec![format!("Successfully deactivated {typed} and unsubscribed all local followers")]
        }
    }
}
