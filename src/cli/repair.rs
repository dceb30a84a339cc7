//! `ostrakon repair`

use ostrakon_jobs::{AnyJob, RepairCounters};
use ostrakon_server::find_actor;

use super::{Output, submit};
use crate::{failure::Failure, session::Session};

/// What can be typed after `repair`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Count posts, followers and followed accounts of active local accounts, and the posts of each
    /// host, and correct what differs.
    Counters(Counters),
}

/// What can be typed after `repair counters`.
#[derive(Debug, clap::Args)]
pub(super) struct Counters {
    /// Local account; all of them, and all hosts, if it is left out.
    nickname: Option<String>,
    /// Leave out the numbers of posts by host, which take a pass over all activities.
    #[arg(long)]
    accounts_only: bool,
    #[command(flatten)]
    submit: submit::RunOptions,
}

/// Requests a repair.
pub(super) async fn run(
    command: Command,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    let Command::Counters(options) = command;
    let server = session.server().await?;
    let account = match &options.nickname {
        None => None,
        Some(typed) => {
            let mut db = session.pool.acquire().await?;
            let found = find_actor(&mut db, &server, typed).await?;
            let local = found.filter(|actor| actor.local);
            let local = local.ok_or_else(|| Failure::NotFound(format!("No local user {typed}")))?;
            if !local.active {
                return Err(Failure::Refused(format!(
                    "{typed} is deactivated, and the server does not count for deactivated \
                     accounts; nothing was done. Activate it first: ostrakon user activate {typed}"
                )));
            }
            Some(local)
        }
    };
    let hosts = options.nickname.is_none() && !options.accounts_only;
    let job: AnyJob = RepairCounters {
        subject: options.nickname.clone().unwrap_or_else(|| "all active local accounts".to_owned()),
        account: account.map(|account| account.id),
        hosts,
    }
    .into();
    let whose = match &options.nickname {
        Some(nickname) => nickname,
        None if hosts => "all active local accounts and of all hosts",
        None => "all active local accounts",
    };
    let done = vec![format!("The counters of {whose} are right.")];
    let request = submit::Request { job, options: &options.submit, done };
    submit::submit(session, server, request, output).await
}
