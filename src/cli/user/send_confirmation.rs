//! `ostrakon user send_confirmation NICK`

use ostrakon_server::{ConfirmationMail, send_confirmation};
use serde::Serialize;
use serde_json::json;

use super::quick_change::{ChangeOptions, QuickChange};
use crate::{cli::Output, failure::Failure, session::Session};

/// What can be typed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ostrakon user send_confirmation alice")]
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
    email: &'a str,
}

/// Queues the mail.
pub(super) async fn run(
    options: &Options,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    let typed = &options.nickname;
    let mut change = QuickChange::begin(session, &options.change).await?;
    let account = change.local(typed).await?;
    let nickname = account.nickname.as_deref().unwrap_or(typed);
    let sent = send_confirmation(&mut change.db, &change.server, account.id).await?;
    let ConfirmationMail::Queued(email) = sent else {
        return Err(refused(nickname, &sent, &change));
    };
    change.commit("send_confirmation", typed, &json!({}), output).await?;
    output.note("note: the server sends it, if its mailer is enabled");
    output.result(format!("{nickname}'s email sent"));
    output.object(&Object { command: "send_confirmation", nickname, email: &email });
    Ok(())
}

/// Why no mail was queued, and what to do instead.
fn refused(nickname: &str, sent: &ConfirmationMail, change: &QuickChange<'_>) -> Failure {
    Failure::Refused(match sent {
        ConfirmationMail::NoToken => format!(
            "{nickname} has no confirmation token, so no link would confirm it; nothing was sent. \
             Confirm it yourself: ostrakon user confirm {nickname}"
        ),
        ConfirmationMail::NoAddress => format!(
            "{nickname} has no e-mail address; nothing was sent. Set one: ostrakon user \
             change_email {nickname} ADDRESS"
        ),
        ConfirmationMail::NoMails => format!(
            "{} does not send mails for tasks; nothing was sent to {nickname}",
            change.server.dialect
        ),
        ConfirmationMail::Confirmed | ConfirmationMail::Queued(_) => {
            format!("{nickname} is confirmed already; nothing was sent")
        }
    })
}
