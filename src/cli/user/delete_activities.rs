//! `ostrakon user delete_activities NICK`

use ostrakon_jobs::DeleteActivities;
use ostrakon_server::find_actor;

use crate::{
    cli::{Output, submit},
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
    #[arg(value_name = "NICK")]
    nickname: String,
    /// Accept a remote account: clean up here, notify no other server.
    #[arg(long)]
    remote: bool,
    /// Let the running server delete the posts: slower, but it also drops them from its cache.
    #[arg(long, conflicts_with = "remote")]
    via_server: bool,
    #[command(flatten)]
    submit: submit::RunOptions,
}

/// Requests the job.
pub(super) async fn run(
    options: &Options,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    let server = session.server().await?;
    let nickname = &options.nickname;
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
    let job = DeleteActivities {
        nickname: nickname.clone(),
        actor: actor.ap_id,
        remote: options.remote && !actor.local,
        via_server: options.via_server,
    };
    let line = if options.via_server {
        // Not the original's line: it is not true yet.
        format!("User {nickname} statuses are left to the server to delete.")
    } else {
        format!("User {nickname} statuses deleted.")
    };
    let request = submit::Request { job: job.into(), options: &options.submit, done: vec![line] };
    submit::submit(session, server, request, output).await
}
