//! `ostrakon user forget_follow_request LOCAL REMOTE`

use ostrakon_server::{Actor, FollowState, find_actor, follow_state, forget_request};
use serde::Serialize;
use serde_json::json;

use super::quick_change::{ChangeOptions, QuickChange};
use crate::{cli::Output, failure::Failure, session::Session};

/// What can be typed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ostrakon user forget_follow_request alice bob@far.example")]
pub(in crate::cli) struct Options {
    /// Nickname of the local account that sent the request.
    #[arg(value_name = "LOCAL")]
    local: String,
    /// Nickname of the remote account that never answered.
    #[arg(value_name = "REMOTE")]
    remote: String,
    #[command(flatten)]
    change: ChangeOptions,
}

#[derive(Serialize)]
struct Object<'a> {
    command: &'static str,
    nickname: &'a str,
    remote: &'a str,
    state: &'static str,
    changed: bool,
}

/// Deletes a follow request that was never answered, so that it can be sent again.
pub(super) async fn run(
    options: &Options,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    let mut change = QuickChange::begin(session, &options.change).await?;
    let local = change.local(&options.local).await?;
    let remote = elsewhere(&mut change, &options.remote).await?;
    let state = follow_state(&mut change.db, local.id, remote.id).await?;
    let changed = state == FollowState::Pending;
    if changed {
        forget_request(&mut change.db, local.id, remote.id).await?;
    }
    let whom = remote.nickname.as_deref().unwrap_or(&options.remote);
    let detail = json!({ "remote": whom, "state": name(state), "changed": changed });
    change.commit("forget_follow_request", &options.local, &detail, output).await?;
    let nickname = local.nickname.as_deref().unwrap_or(&options.local);
    output.result(line(nickname, whom, state));
    output.object(&Object {
        command: "forget_follow_request",
        nickname,
        remote: whom,
        state: name(state),
        changed,
    });
    Ok(())
}

async fn elsewhere(change: &mut QuickChange<'_>, typed: &str) -> Result<Actor, Failure> {
    match find_actor(&mut change.db, &change.server, typed).await? {
        Some(account) if !account.local => Ok(account),
        Some(_local) => Err(Failure::Refused(format!(
            "{typed} is a local account, which can answer its follow requests; nothing was changed"
        ))),
        None => Err(Failure::NotFound(format!("No user {typed}"))),
    }
}

fn name(before: FollowState) -> &'static str {
    match before {
        FollowState::Pending => "pending",
        FollowState::Accepted => "accepted",
        FollowState::Rejected => "rejected",
        FollowState::None => "none",
    }
}

fn line(local: &str, remote: &str, before: FollowState) -> String {
    match before {
        FollowState::Pending => format!(
            "{local} had asked to follow {remote} without an answer; the request is deleted and can \
             be made again."
        ),
        FollowState::Accepted => format!("{local} follows {remote}; nothing to fix."),
        FollowState::Rejected => {
            format!("{remote} has rejected {local}'s request to follow; nothing to fix.")
        }
        FollowState::None => {
            format!("{local} has no open request to follow {remote}; nothing to fix.")
        }
    }
}
