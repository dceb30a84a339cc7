//! `ostrakon user reset_password NICK`

use ostrakon_server::create_password_reset;
use serde::Serialize;
use serde_json::json;

use super::quick_change::{ChangeOptions, QuickChange};
use crate::{cli::Output, failure::Failure, session::Session};

/// What can be typed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ostrakon user reset_password alice")]
pub(in crate::cli) struct Options {
    /// Nickname of the account.
    #[arg(value_name = "NICK")]
    nickname: String,
    #[command(flatten)]
    change: ChangeOptions,
}

#[derive(Serialize)]
struct Object<'a> {
    command: &'static str,
    nickname: &'a str,
    url: &'a str,
}

/// Creates a password-reset link.
pub(super) async fn run(
    options: &Options,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    let typed = &options.nickname;
    let mut change = QuickChange::begin(session, &options.change).await?;
    let account = change.local(typed).await?;
    let url = create_password_reset(&mut change.db, &change.server, account.id).await?;
    let nickname = account.nickname.as_deref().unwrap_or(typed);
    let show = |output: Output| {
        output.result(format!("Generated password reset token for {nickname}"));
        output.result(format!("URL: {url}"));
        output.object(&Object { command: "reset_password", nickname, url: &url });
    };
    change.commit_shown("reset_password", typed, &json!({}), output, show).await
}
