//! `ostrakon user confirm NICK`

use ostrakon_server::{
    self, Actor, ModerationAction, Welcome, find_actor, is_confirmed, set_confirmation,
};
use serde::Serialize;
use serde_json::json;

use super::{
    many::{MANY, QuickAccounts, QuickCommand, Reach, Subjects, for_each},
    quick_change::{ChangeOptions, QuickChange, StaffOptions},
};
use crate::{
    cli::{Output, select::ScopeOptions},
    failure::Failure,
    session::Session,
};

/// What can be typed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ostrakon user confirm alice")]
pub(in crate::cli) struct Options {
    /// Nickname of the account, local or remote.
    #[arg(value_name = "NICK", id = "NICK", required_unless_present_any = MANY, conflicts_with_all = MANY)]
    nickname: Option<String>,
    #[command(flatten)]
    change: ChangeOptions,
    #[command(flatten)]
    staff: StaffOptions,
    #[command(flatten)]
    many: QuickAccounts,
    #[command(flatten)]
    scope: ScopeOptions,
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

/// Confirms the account's e-mail address, or those of many.
pub(super) async fn run(
    options: &Options,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    let Options { nickname, change, staff, scope, many } = options;
    match many.accounts.subjects(nickname.as_deref(), *scope, Reach::Any)? {
        Subjects::One(nickname) => {
            many.refuse_for_one()?;
            let mut begun = QuickChange::begin_as(session, change, staff).await?;
            let found = find_actor(&mut begun.db, &begun.server, nickname).await?;
            let account =
                found.ok_or_else(|| Failure::NotFound(format!("No local user {nickname}")))?;
            confirm_one(begun, account, nickname.to_owned(), output).await
        }
        Subjects::Many(accounts) => {
            let command = QuickCommand { name: "confirm", many, change, staff: Some(staff) };
            for_each(command, accounts, session, output, confirm_one).await
        }
    }
}

async fn confirm_one(
    mut change: QuickChange<'_>,
    account: Actor,
    typed: String,
    output: Output,
) -> Result<(), Failure> {
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
    change.commit("confirm", &typed, &json!(report), output).await?;
    output.result(format!("{typed} doesn't need confirmation."));
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
