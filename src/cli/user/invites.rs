//! `ostrakon user invites` and `ostrakon user revoke_invite TOKEN`

use std::fmt::Write as _;

use chrono::NaiveDate;
use futures::TryStreamExt as _;
use ostrakon_server::{Invite, list_invites, revoke_invites};
use serde::Serialize;
use serde_json::json;

use super::quick_change::{ChangeOptions, QuickChange};
use crate::{cli::Output, failure::Failure, session::Session};

/// What can be typed after `revoke_invite`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ostrakon user revoke_invite \
    TxDO7b7c5mUOezH8ADoptD8UxUyXf_lyYvI9t0jO7D8=")]
pub(in crate::cli) struct RevokeOptions {
    /// The invite's token, as `ostrakon user invites` shows it.
    #[arg(value_name = "TOKEN", allow_hyphen_values = true)]
    token: String,
    #[command(flatten)]
    change: ChangeOptions,
}

#[derive(Serialize)]
struct Listed<'a> {
    command: &'static str,
    id: i64,
    token: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    used: bool,
    uses: i32,
    expires_at: Option<NaiveDate>,
    max_use: Option<i32>,
    left_uses: Option<i32>,
}

#[derive(Serialize)]
struct Revoked<'a> {
    command: &'static str,
    token: &'a str,
    ids: &'a [i64],
}

/// Prints each invite as soon as the database returns it.
pub(super) async fn list(session: &Session, output: Output) -> Result<(), Failure> {
    // Refuses a database that does not belong to a server.
    session.server().await?;
    output.result("Invites list:");
    let mut db = session.pool.acquire().await?;
    let mut invites = list_invites(&mut db);
    while let Some(invite) = invites.try_next().await? {
        output.result(line(&invite));
        output.object(&listed(&invite));
        if Output::is_lost() {
            break;
        }
    }
    Ok(())
}

/// The original's line (docs/semantics.md 4.8).
fn line(invite: &Invite) -> String {
    let Invite { id, token, invite_type, used, .. } = invite;
    let mut line = format!("ID: {id} | Token: {token} | Token type: {invite_type} | Used: {used}");
    if let Some(day) = invite.expires_at {
        let _always = write!(line, " | Expires at: {day}");
    }
    if let Some((most, left)) = invite.max_use.zip(invite.left_uses()) {
        let _always = write!(line, " | Max use: {most}    Left use: {left}");
    }
    line
}

fn listed(invite: &Invite) -> Listed<'_> {
    Listed {
        command: "invites",
        id: invite.id,
        token: &invite.token,
        kind: &invite.invite_type,
        used: invite.used,
        uses: invite.uses,
        expires_at: invite.expires_at,
        max_use: invite.max_use,
        left_uses: invite.left_uses(),
    }
}

/// Revokes every invite with the token.
pub(super) async fn revoke(
    options: &RevokeOptions,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    let token = &options.token;
    let mut change = QuickChange::begin(session, &options.change).await?;
    let ids = revoke_invites(&mut change.db, token).await?;
    let Some(first) = ids.first() else {
        return Err(Failure::NotFound(format!("No invite found with token {token}")));
    };
    change
        .commit("revoke_invite", &format!("invite {first}"), &json!({ "ids": ids }), output)
        .await?;
    output.result(format!("Invite for token {token} was revoked."));
    output.object(&Revoked { command: "revoke_invite", token, ids: &ids });
    Ok(())
}
