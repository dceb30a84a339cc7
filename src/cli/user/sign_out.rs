//! `ostrakon user sign_out NICK`

use ostrakon_server::{Actor, SignedOut};
use serde::Serialize;
use serde_json::json;

use super::{
    many::{MANY, QuickAccounts, QuickCommand, Reach, Subjects, for_each},
    quick_change::{ChangeOptions, QuickChange},
};
use crate::{
    cli::{Output, select::ScopeOptions},
    failure::Failure,
    session::Session,
};

/// What can be typed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ostrakon user sign_out alice --reason \"lost phone\"")]
pub(in crate::cli) struct Options {
    /// Nickname of the account.
    #[arg(value_name = "NICK", id = "NICK", required_unless_present_any = MANY, conflicts_with_all = MANY)]
    nickname: Option<String>,
    #[command(flatten)]
    change: ChangeOptions,
    #[command(flatten)]
    many: QuickAccounts,
    #[command(flatten)]
    scope: ScopeOptions,
}

#[derive(Serialize)]
struct Object<'a> {
    command: &'static str,
    nickname: &'a str,
    #[serde(flatten)]
    ended: SignedOut,
}

/// Signs the account out, or many.
pub(super) async fn run(
    options: &Options,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    let Options { nickname, change, scope, many } = options;
    match many.accounts.subjects(nickname.as_deref(), *scope, Reach::Local)? {
        Subjects::One(nickname) => {
            many.refuse_for_one()?;
            let mut begun = QuickChange::begin(session, change).await?;
            let account = begun.local(nickname).await?;
            sign_out(begun, account, nickname.to_owned(), output).await
        }
        Subjects::Many(accounts) => {
            let command = QuickCommand { name: "sign_out", many, change, staff: None };
            for_each(command, accounts, session, output, sign_out).await
        }
    }
}

async fn sign_out(
    mut change: QuickChange<'_>,
    account: Actor,
    typed: String,
    output: Output,
) -> Result<(), Failure> {
    let signed_out = ostrakon_server::sign_out(&mut change.db, account.id).await?;
    change.commit("sign_out", &typed, &json!(signed_out), output).await?;
    if signed_out.tokens > 0 {
        output.note(
            "note: open streams of new posts stay open until the app closes them or the server \
             restarts; all other requests are refused from now on",
        );
    }
    output.result(format!("{typed} signed out from all apps."));
    let nickname = account.nickname.as_deref().unwrap_or(&typed);
    output.object(&Object { command: "sign_out", nickname, ended: signed_out });
    Ok(())
}
