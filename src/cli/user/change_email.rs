//! `ostrakon user change_email NICK EMAIL`

use ostrakon_jobs::pleroma::{
    self, EmailChange, ModerationAction, Registration, is_blacklisted, valid_email,
};
use serde::Serialize;
use serde_json::json;

use super::act::{Act, ActOptions, StaffOptions};
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
    act: ActOptions,
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
    let mut act = Act::begin_as(session, &options.act, &options.staff).await?;
    let account = act.local(typed).await?;
    check(email, &act.server.registration)?;
    let changed = match pleroma::change_email(&mut act.db, account.id, email).await? {
        EmailChange::Changed => true,
        EmailChange::Same => false,
        EmailChange::Taken => {
            return Err(Failure::Refused(format!(
                "another account has the e-mail address {email}; nothing was changed"
            )));
        }
    };
    if changed {
        act.refresh(&[account.id], "the old address is shown, and gets the mails").await?;
        act.log(ModerationAction::Update, &account).await?;
    }
    act.commit("change_email", typed, &json!({ "changed": changed }), output).await?;
    let nickname = account.nickname.as_deref().unwrap_or(typed);
    output.result(format!("{nickname}'s email updated"));
    output.object(&Object { command: "change_email", nickname, email, changed });
    Ok(())
}

fn check(email: &str, registration: &Registration) -> Result<(), Failure> {
    if is_blacklisted(email, &registration.email_blacklist) {
        return Err(Failure::Refused(format!(
            "the domain of {email} is in server.email_blacklist; nothing was changed"
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
