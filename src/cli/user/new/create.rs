//! Creation of an account, in one transaction.

use ostrakon_server::{
    Actor, CreateError, Fault, KeyPair, ModerationAction, NewAccount, PasswordScheme, Welcome,
    create_account, create_password_reset, find_actor, generate_keys, give_roles, hash_password,
    welcome,
};
use serde::Serialize;
use serde_json::json;

use super::{super::quick_change::QuickChange, Options, Password, refuse};
use crate::{cli::Output, failure::Failure, session::Session};

/// Creates the account and reports it.
pub(super) async fn create(
    options: &Options,
    password: &Password,
    scheme: PasswordScheme,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    let (password_hash, keys) = secrets(password.expose().to_owned(), scheme).await?;
    let mut change = QuickChange::begin_as(session, &options.change, &options.staff).await?;
    let new =
        NewAccount { candidate: options.candidate(), password_hash: &password_hash, keys: &keys };
    let id = match create_account(&mut change.db, &change.server, &new).await {
        Ok(id) => id,
        Err(CreateError::Taken(fault)) => return taken(fault, output),
        Err(CreateError::Database(error)) => return Err(error.into()),
    };
    let welcome = welcome(&mut change.db, &change.server, id).await?;
    give_roles(&mut change.db, id, options.moderator, options.admin).await?;
    change.refresh_new(id).await?;
    change
        .refresh(
            &welcome.others,
            "accounts that it follows, or that follow it, show their old counters",
        )
        .await?;
    let link = match password {
        Password::Generated(_) => {
            Some(create_password_reset(&mut change.db, &change.server, id).await?)
        }
        Password::Given(_) => None,
    };
    let account = find_actor(&mut change.db, &change.server, &options.nickname).await?;
    if let Some(account) = &account {
        log(&mut change, options, account).await?;
    }
    let done = Done { options, welcome, link };
    let show = |output| done.tell(output);
    change.commit_shown("new", &options.nickname, &done.detail(), output, show).await
}

/// Hashes the password and generates the keys, on a blocking thread: both would stall async tasks.
async fn secrets(password: String, scheme: PasswordScheme) -> Result<(String, KeyPair), Failure> {
    let made = tokio::task::spawn_blocking(move || {
        let hash = hash_password(&password, scheme).map_err(|error| error.to_string())?;
        Ok((hash, generate_keys().map_err(|error| error.to_string())?))
    });
    let nothing = |error| Failure::Failed(format!("{error}; nothing was changed"));
    made.await.map_err(|error| nothing(error.to_string()))?.map_err(nothing)
}

/// Reports that another registration took the nickname or the address during the dialogue.
fn taken(fault: Fault, output: Output) -> Result<(), Failure> {
    refuse(vec![fault], output)
}

/// Writes what the server's own staff would have done in two steps to the moderation log.
async fn log(
    change: &mut QuickChange<'_>,
    options: &Options,
    account: &Actor,
) -> Result<(), Failure> {
    change.log(ModerationAction::Create, account).await?;
    if options.moderator {
        change.log(ModerationAction::Grant("moderator"), account).await?;
    }
    if options.admin {
        change.log(ModerationAction::Grant("admin"), account).await?;
    }
    Ok(())
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    command: &'static str,
    nickname: &'a str,
    moderator: bool,
    admin: bool,
    mails: usize,
    follow_relations: usize,
    password_reset_url: Option<&'a str>,
}

/// Result of the creation.
struct Done<'a> {
    options: &'a Options,
    welcome: Welcome,
    link: Option<String>,
}

impl Done<'_> {
    /// Detail for the record: without the link, which is as good as a password.
    fn detail(&self) -> serde_json::Value {
        json!({
            "moderator": self.options.moderator,
            "admin": self.options.admin,
            "reset_link": self.link.is_some(),
            "mails": self.welcome.mails,
            "follow_relations": self.welcome.relations,
        })
    }

    fn tell(&self, output: Output) {
        let nickname = &self.options.nickname;
        output.result(format!("User {nickname} created"));
        if self.options.moderator {
            output.result(format!("Moderator status of {nickname}: true"));
        }
        if self.options.admin {
            output.result(format!("Admin status of {nickname}: true"));
        }
        if let Some(link) = &self.link {
            output.result(format!("Generated password reset token for {nickname}"));
            output.result(format!("URL: {link}"));
        }
        output.object(&Report {
            command: "new",
            nickname,
            moderator: self.options.moderator,
            admin: self.options.admin,
            mails: self.welcome.mails,
            follow_relations: self.welcome.relations,
            password_reset_url: self.link.as_deref(),
        });
    }
}
