//! `ostrakon user confirm NICK`

use ostrakon_server::{
    self, Actor, ModerationAction, Welcome, find_actor, is_confirmed, set_confirmation,
};
use serde::Serialize;
use serde_json::json;

use super::quick_change::{ChangeOptions, QuickChange, StaffOptions};
use crate::{cli::Output, failure::Failure, session::Session};

/// What can be typed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ostrakon user confirm alice")]
pub(in crate::cli) struct Options {
    /// Nickname of the account, local or remote.
    #[arg(value_name = "NICK")]
    nickname: String,
    #[command(flatten)]
    change: ChangeOptions,
    #[command(flatten)]
    staff: StaffOptions,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    command: &'static str,
    nickname: Option<&'a str>,
    changed: bool,
    mails: usize,
    follow_relations: usize,
}

/// Confirms the account's e-mail address.
pub(super) async fn run(
    options: &Options,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    let nickname = &options.nickname;
    let mut change = QuickChange::begin_as(session, &options.change, &options.staff).await?;
    let found = find_actor(&mut change.db, &change.server, nickname).await?;
    let account = found.ok_or_else(|| Failure::NotFound(format!("No local user {nickname}")))?;
    let unconfirmed =
        is_confirmed(&mut change.db, &change.server, account.id).await? == Some(false);
    let welcome =
        if unconfirmed { confirm(&mut change, &account).await? } else { Welcome::default() };
    let report = Report {
        command: "confirm",
        nickname: account.nickname.as_deref(),
        changed: unconfirmed,
        mails: welcome.mails,
        follow_relations: welcome.relations,
    };
    change.commit("confirm", nickname, &json!(report), output).await?;
    output.result(format!("{nickname} doesn't need confirmation."));
    output.object(&report);
    Ok(())
}

/// Delayed effect of a confirmation, or of its removal, if the running server cannot reload the
/// account.
pub(super) const fn confirmation_effect(confirmed: bool) -> &'static str {
    if confirmed {
        "if it remembers the account as unconfirmed, a login succeeds and every request after it is \
         refused (403)"
    } else {
        "signed-in sessions keep access (ostrakon user sign_out ends them immediately)"
    }
}

/// Confirms the address, and completes what the account's registration had postponed until then.
async fn confirm(change: &mut QuickChange<'_>, account: &Actor) -> Result<Welcome, Failure> {
    set_confirmation(&mut change.db, &change.server, account.id, true).await?;
    let welcome = ostrakon_server::welcome(&mut change.db, &change.server, account.id).await?;
    change.refresh(&[account.id], confirmation_effect(true)).await?;
    change
        .refresh(&welcome.others, "accounts that follow or are followed show their old counters")
        .await?;
    change.log(ModerationAction::ConfirmEmail, account).await?;
    Ok(welcome)
}
