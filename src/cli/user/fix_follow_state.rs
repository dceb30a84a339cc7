//! `ostrakon user fix_follow_state LOCAL REMOTE`

use ostrakon_server::{
    Actor, FollowState, LatestFollow, find_actor, follow_state, latest_follow, reject_follow,
};
use serde::Serialize;
use serde_json::json;

use super::quick_change::{ChangeOptions, QuickChange};
use crate::{cli::Output, failure::Failure, session::Session};

/// What can be typed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ostrakon user fix_follow_state alice bob@far.example")]
pub(in crate::cli) struct Options {
    /// Nickname of the local account that follows.
    #[arg(value_name = "LOCAL")]
    local: String,
    /// Nickname of the account that is followed.
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
    state: &'a str,
    following: bool,
    changed: bool,
}

/// Rejects a Follow that counts as accepted although there is no relation.
pub(super) async fn run(
    options: &Options,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    let mut change = QuickChange::begin(session, &options.change).await?;
    let local = change.local(&options.local).await?;
    let remote = find_actor(&mut change.db, &change.server, &options.remote)
        .await?
        .ok_or_else(|| Failure::NotFound(format!("No remote user {}", options.remote)))?;
    let follow = latest_follow(&mut change.db, &change.server, &local, &remote)
        .await?
        .ok_or_else(|| no_follow(options))?;
    let relation = follow_state(&mut change.db, local.id, remote.id).await?;
    let following = relation == FollowState::Accepted;
    let changed = !following && follow.state == "accept";
    if changed {
        fix(&mut change, &local, &remote, &follow).await?;
    }
    let whom = remote.nickname.as_deref().unwrap_or(&options.remote);
    let detail = json!({ "remote": whom, "state": follow.state, "following": following, "changed": changed });
    change.commit("fix_follow_state", &options.local, &detail, output).await?;
    output.result(format!(
        "Request state is {}, vs calculated state of following={following}",
        follow.state
    ));
    if changed {
        output.result("Discrepancy found, fixing");
        output.result("Relationship fixed");
    } else {
        output.result("No discrepancy found");
    }
    output.object(&Object {
        command: "fix_follow_state",
        nickname: local.nickname.as_deref().unwrap_or(&options.local),
        remote: whom,
        state: &follow.state,
        following,
        changed,
    });
    Ok(())
}

/// Error for accounts without a Follow, in the original's words.
fn no_follow(options: &Options) -> Failure {
    Failure::NotFound(format!("No follow data for {} and {}", options.local, options.remote))
}

/// Rejects the Follow, unless the server would not take that from the followed account.
async fn fix(
    change: &mut QuickChange<'_>,
    local: &Actor,
    remote: &Actor,
    follow: &LatestFollow,
) -> Result<(), Failure> {
    if !remote.active {
        let whom = remote.nickname.as_deref().unwrap_or(&remote.ap_id);
        return Err(Failure::Refused(format!(
            "{whom} is deactivated, so it cannot reject the follow; nothing was changed. Activate \
             it first: ostrakon user activate {whom}"
        )));
    }
    reject_follow(&mut change.db, &change.server, local, remote, follow).await?;
    Ok(())
}
