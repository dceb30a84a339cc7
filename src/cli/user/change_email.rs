//! `ostrakon user change_email NICK EMAIL`

use ostrakon_server::{
    self, EmailChange, ModerationAction, RegistrationSettings, is_blacklisted, valid_email,
};
use serde::Serialize;
use serde_json::json;

use super::quick_change::{ChangeOptions, QuickChange, StaffOptions};
use crate::{cli::Output, failure::Failure, session::Session};

/// What can be typed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ostrakon user change_email alice alice@mail.example")]
pub(in crate::cli) struct Options {
    /// Nickname of the account.
    #[arg(value_name = "NICK")]
    nickname: String,
    /// The new e-mail address.
    #[arg(value_name = "EMAIL")]
    email: String,
    #[command(flatten)]
    change: ChangeOptions,
    #[command(flatten)]
    staff: StaffOptions,
}

#[derive(Serialize)]
struct Object<'a> {
    command: &'static str,
    nickname: &'a str,
    email: &'a str,
    changed: bool,
}

/// Changes the e-mail address, if it is valid and no other account has it.
pub(super) async fn run(
    options: &Options,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    let Options { nickname: typed, email, .. } = options;
    if !valid_email(email) {
        return Err(Failure::Usage(format!(
            "{} is not an e-mail address; nothing was changed",
            beginning(email)
        )));
    }
    let mut change = QuickChange::begin_as(session, &options.change, &options.staff).await?;
    let account = change.local(typed).await?;
    check(email, &change.server.registration)?;
    let changed = match ostrakon_server::change_email(&mut change.db, account.id, email).await? {
        EmailChange::Changed => true,
        EmailChange::Same => false,
        EmailChange::Taken => {
            return Err(Failure::Refused(format!(
                "another account has the e-mail address {email}; nothing was changed"
            )));
        }
    };
    if changed {
        change.refresh(&[account.id], "the old address is shown, and gets the mails").await?;
        change.log(ModerationAction::Update, &account).await?;
    }
    change.commit("change_email", typed, &json!({ "changed": changed }), output).await?;
    let nickname = account.nickname.as_deref().unwrap_or(typed);
    output.result(format!("{nickname}'s email updated"));
    output.object(&Object { command: "change_email", nickname, email, changed });
    Ok(())
}

fn check(email: &str, registration: &RegistrationSettings) -> Result<(), Failure> {
    if is_blacklisted(email, &registration.email_blacklist) {
        return Err(Failure::Refused(format!(
            "the domain of {email} is in registration.email_blacklist; nothing was changed"
        )));
    }
    Ok(())
}

/// Beginning of a text, long enough to recognise it.
fn beginning(text: &str) -> String {
    match text.chars().take(60).collect::<String>() {
        empty if empty.is_empty() => "an empty text".to_owned(),
        beginning => beginning,
    }
}
