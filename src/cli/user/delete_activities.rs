//! `ostrakon user delete_activities NICK`

use ostrakon_jobs::DeleteActivities;
use ostrakon_server::{SelectedAccount, find_actor};

use super::many::{AccountJob, AccountsOptions, Many, Reach, Subjects, submit_all};
use crate::{
    cli::{Output, select::ScopeOptions, submit},
    failure::Failure,
    session::Session,
};

/// What can be typed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ostrakon user delete_activities alice --dry-run

Deleted posts disappear from timelines, pages and the API immediately. Unless --via-server is used,
the running server serves cached ActivityPub copies until it restarts.")]
pub(in crate::cli) struct Options {
    /// Nickname of the account.
    #[arg(value_name = "NICK", id = "NICK", required_unless_present_any = ["selection", "SelectorOptions", "local"])]
    nickname: Option<String>,
    /// Only accounts of this server: with selectors, the default.
    #[arg(long, conflicts_with = "remote", help_heading = "Selectors")]
    local: bool,
    /// Accept a remote account: clean up here, notify no other server. With selectors: only remote
    /// accounts.
    #[arg(long)]
    remote: bool,
    /// Let the running server delete the posts: slower, but it also drops them from its cache.
    #[arg(long, conflicts_with = "remote")]
    via_server: bool,
    #[command(flatten)]
    submit: submit::RunOptions,
    #[command(flatten)]
    accounts: AccountsOptions,
}

/// Requests the job.
pub(super) async fn run(
    options: &Options,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    let nickname = options.nickname.as_deref();
    let scope = ScopeOptions { local: options.local, remote: options.remote };
    let reach = if options.remote { Reach::Any } else { Reach::Local };
    match options.accounts.subjects(nickname, scope, reach)? {
        Subjects::One(nickname) => one(nickname, options, session, output).await,
        Subjects::Many(many) => all(many, options, session, output).await,
    }
}

async fn one(
    nickname: &str,
    options: &Options,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    let server = session.server().await?;
    let found = {
        let mut db = session.pool.acquire().await?;
        find_actor(&mut db, &server, nickname).await?
    };
    let actor = match found {
        Some(actor) if actor.local || options.remote => actor,
        Some(_remote) => {
            return Err(Failure::NotFound(format!(
                "No local user {nickname}\nIt is a remote account: add --remote to clean it up \
                 here without notifying other servers."
            )));
        }
        None if options.remote => return Err(Failure::NotFound(format!("No user {nickname}"))),
        None => return Err(Failure::NotFound(format!("No local user {nickname}"))),
    };
    let request = submit::Request {
        job: job(nickname.to_owned(), actor.ap_id, actor.local, options).into(),
        options: &options.submit,
        done: vec![done(nickname, options)],
    };
    submit::submit(session, server, request, output).await
}

async fn all(
    many: Many<'_>,
    options: &Options,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    let server = session.server().await?;
    let chosen = many.choose((session, &server), options.submit.dry_run, output).await?;
    let of = |account: &SelectedAccount| AccountJob {
        job: job(account.nickname.clone(), account.ap_id.clone(), account.local, options).into(),
        is_needed: true,
        done: vec![done(&account.nickname, options)],
    };
    submit_all("delete_activities", &chosen, of, (session, &server), &options.submit, output).await
}

fn job(nickname: String, actor: String, local: bool, options: &Options) -> DeleteActivities {
    DeleteActivities {
        nickname,
        actor,
        remote: options.remote && !local,
        via_server: options.via_server,
    }
}

/// The original's line, unless it would not be true yet.
fn done(nickname: &str, options: &Options) -> String {
    if options.via_server {
        format!("User {nickname} statuses are left to the server to delete.")
    } else {
        format!("User {nickname} statuses deleted.")
    }
}
