//! Texts of mails. Subjects and addresses are the server's. The rest is our own wording, in
//! English: the server would look for a translation.

use super::{
    super::{Flake, Server, registration::Newcomer, token::as_path_segment},
    Mail, instance_name,
};

/// Mail that says that the account can be used.
pub(crate) fn registered(server: &Server, newcomer: &Newcomer, email: &str) -> Mail {
    let instance = instance_name(server);
    let html = format!(
        "<h3>Welcome, @{}!</h3>\n<p>You now have an account on {}. It is ready: there is nothing \
         else to do.</p>\n",
        escaped(&newcomer.nickname),
        escaped(instance),
    );
    mail(newcomer, email, format!("Account registered on {instance}"), html)
}

/// Mail that asks to confirm the address, with a link for that.
pub(crate) fn confirmation(server: &Server, newcomer: &Newcomer, email: &str) -> Mail {
    let instance = instance_name(server);
    let link = format!(
        "{}/api/account/confirm_email/{}/{}",
        server.base_url,
        Flake(newcomer.id),
        as_path_segment(newcomer.confirmation_token.as_deref().unwrap_or_default()),
    );
    let html = format!(
        "<h3>Your new account on {}</h3>\n<p>It can be used as soon as this address is \
         confirmed: <a href=\"{link}\">confirm it now</a>.</p>\n",
        escaped(instance),
        link = escaped(&link),
    );
    mail(newcomer, email, format!("{instance} account confirmation"), html)
}

/// Mail that says that the account waits for approval.
pub(crate) fn approval_pending(server: &Server, newcomer: &Newcomer, email: &str) -> Mail {
    let html = format!(
        "<h3>Your new account on {}</h3>\n<p>The server's staff looks at new accounts before they \
         can be used. You will hear from them.</p>\n",
        escaped(instance_name(server)),
    );
    mail(newcomer, email, "Your account is awaiting approval".to_owned(), html)
}

/// Mail to a staff member about an account that waits for approval.
pub(crate) fn for_review(
    server: &Server,
    newcomer: &Newcomer,
    (name, address): (String, String),
) -> Mail {
    let nickname = &newcomer.nickname;
    let html = format!(
        "<p>An account waits for approval: <a href=\"{}\">@{}</a></p>\n<blockquote>{}</blockquote>\n\
         <p><a href=\"{}/pleroma/admin/#/users/{}/\">Look at it in AdminFE</a></p>\n",
        escaped(&newcomer.ap_id),
        escaped(nickname),
        escaped(newcomer.registration_reason.as_deref().unwrap_or_default()),
        escaped(&server.base_url),
        Flake(newcomer.id),
    );
    let instance = instance_name(server);
    Mail {
        name,
        address,
        subject: format!("New account up for review on {instance} (@{nickname})"),
        html,
    }
}

fn mail(newcomer: &Newcomer, email: &str, subject: String, html: String) -> Mail {
    let name = newcomer.name.clone().unwrap_or_else(|| newcomer.nickname.clone());
    Mail { name, address: email.to_owned(), subject, html }
}

/// Escapes user text for HTML.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}
