//! `ostrakon user new NICK EMAIL`

mod create;
mod dialogue;
mod password;

use ostrakon_server::{Candidate, Fault, Server};

use self::password::{Password, PasswordOptions};
use super::quick_change::{ChangeOptions, QuickChange, StaffOptions};
use crate::{cli::Output, failure::Failure, session::Session};

/// What can be typed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ostrakon user new alice alice@example.org --moderator -y\n\n\
    Without a password, a link to choose one is printed.")]
pub(in crate::cli) struct Options {
    /// Nickname of the new account.
    #[arg(value_name = "NICK")]
    nickname: String,
    /// Its e-mail address; may be empty unless the server requires confirmation.
    #[arg(value_name = "EMAIL")]
    email: String,
    /// Display name; defaults to the nickname.
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// Profile text.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    bio: String,
    #[command(flatten)]
    password: PasswordOptions,
    /// Make it a moderator.
    #[arg(long, overrides_with = "no_moderator")]
    moderator: bool,
    /// Do not make it a moderator; the later option wins.
    #[arg(long, overrides_with = "moderator")]
    no_moderator: bool,
    /// Make it an admin.
    #[arg(long, overrides_with = "no_admin")]
    admin: bool,
    /// Do not make it an admin; the later option wins.
    #[arg(long, overrides_with = "admin")]
    no_admin: bool,
    /// Do not ask for confirmation.
    #[arg(long, short = 'y', overrides_with = "no_assume_yes")]
    assume_yes: bool,
    /// Ask for confirmation; the later option wins.
    #[arg(long, overrides_with = "assume_yes")]
    no_assume_yes: bool,
    #[command(flatten)]
    change: ChangeOptions,
    #[command(flatten)]
    staff: StaffOptions,
}

impl Options {
    fn candidate(&self) -> Candidate<'_> {
        Candidate {
            nickname: &self.nickname,
            email: &self.email,
            name: self.name.as_deref().unwrap_or(&self.nickname),
            bio: &self.bio,
        }
    }
}

/// Creates the account.
pub(super) async fn run(
    options: &Options,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    if output.json && !options.assume_yes {
        return Err(Failure::Usage("--json cannot ask for confirmation: add -y".to_owned()));
    }
    let password = options.password.read(options.assume_yes, output)?;
    let mut change = QuickChange::begin_as(session, &options.change, &options.staff).await?;
    require_address(&change.server)?;
    let scheme = options.password.scheme(&change.server, output)?;
    dialogue::tell(options, &password, output);
    let mut faults = options.candidate().faults(&mut change.db, &change.server).await?;
    faults.extend(password.fault());
    refuse(faults, output)?;
    // No connection is held during the dialogue, nor while keys are generated.
    change.db.rollback().await?;
    if !options.assume_yes {
        dialogue::ask(output)?;
    }
    create::create(options, &password, scheme, session, output).await
}

/// Checks that the server's own address is known: the new account's addresses begin with it.
fn require_address(server: &Server) -> Result<(), Failure> {
    if server.base_url.is_empty() {
        return Err(Failure::Usage(
            "the server's address is unknown, because there is no local account yet: set \
             --instance-url, or instance_url in the config file\nNothing was changed."
                .to_owned(),
        ));
    }
    Ok(())
}

/// Reports all problems together, one per line.
fn refuse(mut faults: Vec<Fault>, output: Output) -> Result<(), Failure> {
    let Some(last) = faults.pop() else { return Ok(()) };
    for fault in faults {
        output.error(fault.to_string());
    }
    Err(Failure::Refused(last.to_string()))
}
