//! Mails that the server sends for ostrakon (docs/semantics.md 5.5).
//!
//! ostrakon cannot send mail, and need not: the server keeps mails as jobs.

mod term;
mod text;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;

pub(super) use text::{approval_pending, confirmation, for_review, registered};

use super::{ObanJob, Server};
use term::{Term, encode};

/// Mail to one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mail {
    /// Name of the recipient.
    pub(super) name: String,
    /// E-mail address of the recipient.
    pub(super) address: String,
    /// Subject of the mail.
    pub(super) subject: String,
    /// Body, as HTML.
    pub(super) html: String,
}

/// Name of the server as used in mails.
pub(super) fn instance_name(server: &Server) -> &str {
    &server.name
}

/// Creates the job that sends a mail. If the server's mailer is off, as it is by default, the job
/// fails and is eventually discarded.
pub(super) fn mail_job(
    server: &Server,
    mail: Mail,
    queue: &'static str,
    max_attempts: i32,
) -> ObanJob {
    let encoded = STANDARD.encode(encode(&email(server, mail)));
    ObanJob {
        queue,
        worker: "Pleroma.Workers.MailerWorker",
        args: json!({ "op": "email", "encoded_email": encoded, "config": [] }),
        max_attempts,
        priority: 0,
        scheduled_at: None,
        document: None,
    }
}

/// Encodes a mail for the library with which the servers send mails.
fn email(server: &Server, mail: Mail) -> Term {
    let sender = server.notify_email.clone();
    let sender = sender.unwrap_or_else(|| format!("noreply@{}", server.host));
    let nothing = || Term::List(Vec::new());
    let empty = || Term::Map(Vec::new());
    Term::Map(vec![
        ("__struct__", Term::Atom("Elixir.Swoosh.Email")),
        ("assigns", empty()),
        ("attachments", nothing()),
        ("bcc", nothing()),
        ("cc", nothing()),
        ("from", Term::Pair(instance_name(server).to_owned(), sender)),
        ("headers", empty()),
        ("html_body", Term::Text(mail.html)),
        ("private", empty()),
        ("provider_options", empty()),
        ("reply_to", Term::Atom("nil")),
        ("subject", Term::Text(mail.subject)),
        ("text_body", Term::Atom("nil")),
        ("to", Term::List(vec![Term::Pair(mail.name, mail.address)])),
    ])
}
