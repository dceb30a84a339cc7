//! `ostrakon user activate NICK`, `ostrakon user deactivate NICK`, `ostrakon user toggle_activated NICK`

use ostrakon_jobs::{ActivateUser, AnyJob, DeactivateUser};
use ostrakon_server::{Actor, Person, SelectedAccount, Server, TaskOutput, find_actor};

use super::{
    many::{AccountJob, AccountsOptions, MANY, Many, Reach, Subjects, actor, submit_all},
    quick_change::StaffOptions,
};
use crate::{
    cli::{Output, select::ScopeOptions, submit},
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
    run: SwitchOptions,
}

/// What can be typed for one account or many.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct ManyOptions {
    /// Nickname of the account, local or remote.
    #[arg(value_name = "NICK", id = "NICK", required_unless_present_any = MANY, conflicts_with_all = MANY)]
    nickname: Option<String>,
    #[command(flatten)]
    run: SwitchOptions,
    #[command(flatten)]
    accounts: AccountsOptions,
    #[command(flatten)]
    scope: ScopeOptions,
}

/// What all of these commands take.
#[derive(Debug, clap::Args)]
struct SwitchOptions {
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
    fn is_needed(self, server: &Server, actor: &Actor) -> bool {
        match self {
            Self::Activate => ActivateUser::is_needed(server, actor),
            Self::Deactivate => DeactivateUser::is_needed(server, actor),
        }
    }

    /// The job that does it.
    fn job(self, nickname: &str, actor: &Actor, staff: Option<&Person>) -> AnyJob {
        let (nickname, actor) = (nickname.to_owned(), actor.ap_id.clone());
        let on_behalf_of = staff.map(|staff| staff.id);
        match self {
            Self::Activate => ActivateUser::new(nickname, actor, on_behalf_of).into(),
            Self::Deactivate => DeactivateUser::new(nickname, actor, on_behalf_of).into(),
        }
    }

    /// The command's name.
    const fn command(self) -> &'static str {
        match self {
            Self::Activate => "activate",
            Self::Deactivate => "deactivate",
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
    options: &ManyOptions,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    let nickname = options.nickname.as_deref();
    match options.accounts.subjects(nickname, options.scope, Reach::Any)? {
        Subjects::One(nickname) => one(switch, nickname, &options.run, session, output).await,
        Subjects::Many(many) => all(switch, many, &options.run, session, output).await,
    }
}

async fn one(
    switch: Switch,
    nickname: &str,
    options: &SwitchOptions,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    let Found { server, actor, staff } = find(nickname, options, session).await?;
    let job = switch.job(nickname, &actor, staff.as_ref());
    if !switch.is_needed(&server, &actor) {
        let line = already(switch, nickname);
        return submit::nothing_to_do(session, &job, &options.submit, &[line], output).await;
    }
    let stored = actor.nickname.as_deref().unwrap_or(nickname);
    let done = done_lines(switch, &server, nickname, stored);
    submit(options, session, server, job, done, output).await
}

async fn all(
    switch: Switch,
    many: Many<'_>,
    options: &SwitchOptions,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    let server = session.server().await?;
    let chosen = many.choose((session, &server), options.submit.dry_run, output).await?;
    let staff = options.staff.look_up(session, &server).await?;
    let of = |account: &SelectedAccount| {
        let (nickname, actor) = (&account.nickname, actor(account));
        let is_needed = switch.is_needed(&server, &actor);
        AccountJob {
            job: switch.job(nickname, &actor, staff.as_ref()),
            is_needed,
            done: if is_needed {
                done_lines(switch, &server, nickname, nickname)
            } else {
                vec![already(switch, nickname)]
            },
        }
    };
    submit_all(switch.command(), &chosen, of, (session, &server), &options.submit, output).await
}

fn already(switch: Switch, nickname: &str) -> String {
    format!("User {nickname} already {}", switch.done())
}

/// Requests the job that reverses the account's state.
pub(super) async fn toggle(
    options: &Options,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    let Options { nickname, run } = options;
    let Found { server, actor, staff } = find(nickname, run, session).await?;
    let switch = if actor.active { Switch::Deactivate } else { Switch::Activate };
    let job = switch.job(nickname, &actor, staff.as_ref());
    let done = vec![format!("Activation status of {nickname}: {}", switch.done())];
    submit(run, session, server, job, done, output).await
}

async fn find(
    nickname: &str,
    options: &SwitchOptions,
    session: &Session,
) -> Result<Found, Failure> {
    let server = session.server().await?;
    let mut db = session.pool.acquire().await?;
    let actor = find_actor(&mut db, &server, nickname)
        .await?
        .ok_or_else(|| Failure::NotFound(format!("No user {nickname}")))?;
    let staff = options.staff.find(&mut db, &server).await?;
    Ok(Found { server, actor, staff })
}

/// Requests a job. On a terminal the command follows the run, unless no worker is running.
async fn submit(
    options: &SwitchOptions,
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
