//! `ostrakon user invite`

use chrono::{NaiveDate, Utc};
use ostrakon_server::{Invite, create_invite};
use serde::Serialize;
use serde_json::json;

use super::{
    date,
    quick_change::{ChangeOptions, QuickChange},
};
use crate::{cli::Output, failure::Failure, session::Session};

/// What can be typed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ostrakon user invite --expires-at 2030-01-31 --max-use 5")]
pub(in crate::cli) struct Options {
    /// Last day of the invite, as YYYY-MM-DD.
    #[arg(long, value_name = "DATE")]
    expires_at: Option<String>,
    /// Maximum registrations; without --max-use and --expires-at, the invite works once.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(0..))]
    max_use: Option<i32>,
    #[command(flatten)]
    change: ChangeOptions,
}

#[derive(Serialize)]
struct Object<'a> {
    command: &'static str,
    id: i64,
    #[serde(rename = "type")]
    kind: &'a str,
    url: &'a str,
    token: &'a str,
    expires_at: Option<NaiveDate>,
    max_use: Option<i32>,
}

/// Creates an invite.
pub(super) async fn run(
    options: &Options,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    let expires_at = options.expires_at.as_deref().map(last_day).transpose()?;
    let mut change = QuickChange::begin(session, &options.change).await?;
    if change.server.base_url.is_empty() {
        return Err(Failure::Refused(NO_ADDRESS.to_owned()));
    }
    let invite = create_invite(&mut change.db, expires_at, options.max_use).await?;
    let url = invite.url(&change.server);
    let Invite { id, invite_type, max_use, .. } = &invite;
    let detail = json!({
        "id": id, "type": invite_type, "expires_at": expires_at, "max_use": max_use,
    });
    let show = |output: Output| {
        output.result(format!("Generated user invite token {}", invite_type.replace('_', " ")));
        output.result(&url);
        output.object(&object(&invite, &url));
    };
    change.commit_shown("invite", invite_type, &detail, output, show).await?;
    warn(&invite, output);
    Ok(())
}

fn object<'a>(invite: &'a Invite, url: &'a str) -> Object<'a> {
    Object {
        command: "invite",
        id: invite.id,
        kind: &invite.invite_type,
        url,
        token: &invite.token,
        expires_at: invite.expires_at,
        max_use: invite.max_use,
    }
}

/// Parses the date. The error has the original's line for scripts, and a correction for the user.
fn last_day(typed: &str) -> Result<NaiveDate, Failure> {
    date::parse(typed).map_err(|error| {
        Output::attention(format!("Could not create invite token: {{:error, :{error}}}"));
        Failure::Usage(format!(
            "--expires-at {typed}: not a date of the form YYYY-MM-DD, such as 2030-01-31"
        ))
    })
}

/// The original creates such invites too, without a warning.
fn warn(invite: &Invite, output: Output) {
    if invite.max_use == Some(0) {
        output.warning("this invite cannot be used: --max-use is 0");
    }
    if invite.expires_at.is_some_and(|day| day < Utc::now().date_naive()) {
        output.warning("this invite cannot be used: --expires-at is in the past");
    }
}

const NO_ADDRESS: &str = "the server's address is unknown, because there is no local account yet: \
     set --instance-url https://…; nothing was written";
