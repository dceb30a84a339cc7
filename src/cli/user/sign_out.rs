//! `ostrakon user sign_out NICK`

use ostrakon_server::SignedOut;
use serde::Serialize;
use serde_json::json;

use super::quick_change::{ChangeOptions, QuickChange};
use crate::{cli::Output, failure::Failure, session::Session};

/// What can be typed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ostrakon user sign_out alice --reason \"lost phone\"")]
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
    #[serde(flatten)]
    ended: SignedOut,
}

/// Signs the account out.
pub(super) async fn run(
    options: &Options,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    let nickname = &options.nickname;
    let mut change = QuickChange::begin(session, &options.change).await?;
    let account = change.local(nickname).await?;
    let signed_out = ostrakon_server::sign_out(&mut change.db, account.id).await?;
    change.commit("sign_out", nickname, &json!(signed_out), output).await?;
    if signed_out.tokens > 0 {
        output.note(
            "note: open streams of new posts stay open until the app closes them or the server \
             restarts; all other requests are refused from now on",
        );
    }
    output.result(format!("{nickname} signed out from all apps."));
    let nickname = account.nickname.as_deref().unwrap_or(nickname);
    output.object(&Object { command: "sign_out", nickname, ended: signed_out });
    Ok(())
}
