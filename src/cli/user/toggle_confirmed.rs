//! `ostrakon user toggle_confirmed NICK`

use ostrakon_server::{ModerationAction, find_actor, is_confirmed, set_confirmation};
use serde::Serialize;
use serde_json::json;

use super::{
    confirm::confirmation_effect,
    quick_change::{ChangeOptions, QuickChange, StaffOptions},
};
use crate::{cli::Output, failure::Failure, session::Session};

/// What can be typed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ostrakon user toggle_confirmed alice")]
pub(in crate::cli) struct Options {
    /// Nickname of the account, local or remote.
    #[arg(value_name = "NICK")]
    nickname: String,
    #[command(flatten)]
    change: ChangeOptions,
    #[command(flatten)]
    staff: StaffOptions,
}

#[derive(Serialize)]
struct Object<'a> {
    command: &'static str,
    nickname: &'a str,
    confirmed: bool,
}

/// Confirms an unconfirmed e-mail address, and unconfirms a confirmed one. Sends no mail.
pub(super) async fn run(
    options: &Options,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    let typed = &options.nickname;
    // The original's line, although remote accounts are found too.
    let unknown = || Failure::NotFound(format!("No local user {typed}"));
    let mut change = QuickChange::begin_as(session, &options.change, &options.staff).await?;
    let account = find_actor(&mut change.db, &change.server, typed).await?.ok_or_else(unknown)?;
    let before =
        is_confirmed(&mut change.db, &change.server, account.id).await?.ok_or_else(unknown)?;
    let confirmed = !before;
    set_confirmation(&mut change.db, &change.server, account.id, confirmed).await?;
    change.refresh(&[account.id], confirmation_effect(confirmed)).await?;
    if confirmed {
        change.log(ModerationAction::ConfirmEmail, &account).await?;
    }
    change.commit("toggle_confirmed", typed, &json!({ "confirmed": confirmed }), output).await?;
    let needs = if confirmed { "doesn't need" } else { "needs" };
    output.result(format!("{typed} {needs} confirmation."));
    let nickname = account.nickname.as_deref().unwrap_or(typed);
    output.object(&Object { command: "toggle_confirmed", nickname, confirmed });
    Ok(())
}
