//! `ostrakon user reset_mfa NICK`

use serde::Serialize;
use serde_json::json;

use super::quick_change::{ChangeOptions, QuickChange};
use crate::{cli::Output, failure::Failure, session::Session};

/// What can be typed.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: ostrakon user reset_mfa alice --reason \"lost phone, known by voice\""
)]
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
    changed: bool,
}

/// Disables the second factor.
pub(super) async fn run(
    options: &Options,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    let typed = &options.nickname;
    let mut change = QuickChange::begin(session, &options.change).await?;
    let account = change.local(typed).await?;
    let changed = ostrakon_server::reset_mfa(&mut change.db, account.id).await?;
    if changed {
        change.refresh(&[account.id], "its settings may show the second factor").await?;
    }
    change.commit("reset_mfa", typed, &json!({ "changed": changed }), output).await?;
    let nickname = account.nickname.as_deref().unwrap_or(typed);
    output.result(format!("Multi-Factor Authentication disabled for {nickname}"));
    output.object(&Object { command: "reset_mfa", nickname, changed });
    Ok(())
}
