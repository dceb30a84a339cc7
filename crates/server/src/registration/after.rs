//! Steps after a registration, or after a missing confirmation is made up for (docs/semantics.md
//! 5.4).

use crate::dialect_sql;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::{
    super::{
        ObanJob, Server, insert_oban_jobs,
        mail::{approval_pending, confirmation, for_review, mail_job, registered},
    },
    autofollow::autofollow,
};

/// Result of welcoming a new account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Welcome {
    /// Number of mails queued for the server.
    pub mails: usize,
    /// Number of follow relations from and to the account.
    pub relations: usize,
    /// Other accounts whose counters changed.
    pub others: Vec<Uuid>,
}

/// Account as its first mails need it.
#[derive(Debug, Clone, FromRow)]
pub(crate) struct Newcomer {
    pub(crate) id: Uuid,
    pub(crate) ap_id: String,
    pub(crate) nickname: String,
    pub(crate) name: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) local: bool,
    pub(crate) confirmed: bool,
    pub(crate) approved: bool,
    pub(crate) confirmation_token: Option<String>,
    pub(crate) registration_reason: Option<String>,
}

/// Does what the server does for a new account in its current state: asks to confirm the address,
/// asks for approval, or creates its follow relations and greets it. Does nothing for an account of
/// another server.
///
/// Pleroma 2.2 sends no mail here. Messages of welcome, by mail or as a post, are left to the
/// server's own registration.
pub async fn welcome(
    db: &mut PgConnection,
    server: &Server,
    account: Uuid,
) -> sqlx::Result<Welcome> {
    let newcomer = load(db, server, account).await?;
    let Some(newcomer) = newcomer.filter(|newcomer| newcomer.local) else {
        return Ok(Welcome::default());
    };
    let jobs = mails(db, server, &newcomer).await?;
    let mut welcome = Welcome { mails: jobs.len(), ..Welcome::default() };
    insert_oban_jobs(db, &jobs).await?;
    if newcomer.confirmed && newcomer.approved {
        let follows = autofollow(db, server, account).await?;
        welcome.relations = follows.relations;
        welcome.others = follows.others;
    }
    Ok(welcome)
}

/// Result of [`send_confirmation`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfirmationMail {
    /// The mail was queued, to this address.
    Queued(String),
    /// The account is confirmed.
    Confirmed,
    /// The account has no token that a link could contain.
    NoToken,
    /// The account has no e-mail address.
    NoAddress,
    /// The server sends no such mails.
    NoMails,
}

/// Queues the mail that asks an account to confirm its address once more, with the same link.
///
/// # Errors
/// Those of the database.
pub async fn send_confirmation(
    db: &mut PgConnection,
    server: &Server,
    account: Uuid,
) -> sqlx::Result<ConfirmationMail> {
    let Some((queue, max_attempts)) = server.dialect.mail_job else {
        return Ok(ConfirmationMail::NoMails);
    };
    let Some(account) = load(db, server, account).await? else {
        return Ok(ConfirmationMail::NoAddress);
    };
    if account.confirmed {
        return Ok(ConfirmationMail::Confirmed);
    }
    let Some(email) = account.email.as_deref().filter(|email| !email.is_empty()) else {
        return Ok(ConfirmationMail::NoAddress);
    };
    if account.confirmation_token.as_deref().is_none_or(str::is_empty) {
        return Ok(ConfirmationMail::NoToken);
    }
    let mail = confirmation(server, &account, email);
    insert_oban_jobs(db, &[mail_job(server, mail, queue, max_attempts)]).await?;
    Ok(ConfirmationMail::Queued(email.to_owned()))
}

async fn load(
    db: &mut PgConnection,
    server: &Server,
    account: Uuid,
) -> sqlx::Result<Option<Newcomer>> {
    let sql = dialect_sql!(
        server,
        "select id, ap_id, nickname::text, name, email::text, local, confirmation_token,
                is_confirmed as confirmed, is_approved as approved, registration_reason
         from public.users where id = $1 and nickname is not null"
    );
    sqlx::query_as(sql).bind(account).fetch_optional(db).await
}

async fn mails(
    db: &mut PgConnection,
    server: &Server,
    newcomer: &Newcomer,
) -> sqlx::Result<Vec<ObanJob>> {
    let Some((queue, max_attempts)) = server.dialect.mail_job else { return Ok(Vec::new()) };
    let rules = &server.registration;
    let email = newcomer.email.as_deref().filter(|email| !email.is_empty());
    let nothing_required = !rules.account_activation_required && !rules.account_approval_required;
    let mut mails = Vec::new();
    match (newcomer.confirmed, newcomer.approved) {
        (false, _) if rules.account_activation_required => {
            mails.extend(email.map(|email| confirmation(server, newcomer, email)));
        }
        (true, false) => {
            mails.extend(email.map(|email| approval_pending(server, newcomer, email)));
            let staff = staff_addresses(db).await?;
            mails.extend(staff.into_iter().map(|person| for_review(server, newcomer, person)));
        }
        (true, true) if nothing_required => {
            mails.extend(email.map(|email| registered(server, newcomer, email)));
        }
        _ => {}
    }
    Ok(mails.into_iter().map(|mail| mail_job(server, mail, queue, max_attempts)).collect())
}

/// Names and e-mail addresses of the staff. Like the server, it includes inactive staff members.
async fn staff_addresses(db: &mut PgConnection) -> sqlx::Result<Vec<(String, String)>> {
    sqlx::query_as(
        "select coalesce(name, nickname::text), email::text from public.users
         where local and (is_admin or is_moderator) and email is not null and email <> ''
           and nickname is not null
         order by id",
    )
    .fetch_all(db)
    .await
}
