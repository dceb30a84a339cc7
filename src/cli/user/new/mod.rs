//! `ostrakon user new NICK EMAIL`

mod create;
mod dialogue;
mod password;

use ostrakon_jobs::pleroma::{Candidate, Fault, Server};

use self::password::{Password, PasswordOptions};
use super::act::{Act, ActOptions, StaffOptions};
use crate::{
    cli::{Failure, Output},
    session::Session,
};

/// What can be typed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ostrakon user new alice alice@example.org --moderator -y\n\n\
    Without a password a link is printed with which the person chooses one.")]
pub(in crate::cli) struct Options {
    /// Nickname of the new account.
    #[arg(value_name = "NICK")]
    nickname: String,
    /// Its e-mail address; may be empty unless the server has addresses confirmed.
    #[arg(value_name = "EMAIL")]
    email: String,
    /// Display name; the nickname otherwise.
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// Text of the profile.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    bio: String,
    #[command(flatten)]
    password: PasswordOptions,
    /// Make it a moderator.
    #[arg(long, overrides_with = "no_moderator")]
    moderator: bool,
    /// Do not make it a moderator; the later of the two options holds.
    #[arg(long, overrides_with = "moderator")]
    no_moderator: bool,
    /// Make it an admin.
    #[arg(long, overrides_with = "no_admin")]
    admin: bool,
    /// Do not make it an admin; the later of the two options holds.
    #[arg(long, overrides_with = "admin")]
    no_admin: bool,
    /// Do not ask.
    #[arg(long, short = 'y', overrides_with = "no_assume_yes")]
    assume_yes: bool,
    /// Ask; the later of the two options holds.
    #[arg(long, overrides_with = "assume_yes")]
    no_assume_yes: bool,
    #[command(flatten)]
    act: ActOptions,
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

/// Makes the account.
pub(super) async fn run(
    options: &Options,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    if output.json && !options.assume_yes {
        return Err(Failure::Usage("with --json nothing is asked: say -y too".to_owned()));
    }
    let password = options.password.read(options.assume_yes, output)?;
    let mut act = Act::begin_as(session, &options.act, &options.staff).await?;
    require_address(&act.server)?;
    let scheme = options.password.scheme(&act.server, output)?;
    dialogue::tell(options, &password, output);
    let mut faults = options.candidate().faults(&mut act.db, &act.server).await?;
    faults.extend(password.fault());
    refuse(faults, output)?;
    // Nothing is held while a person thinks, nor while keys are made.
    act.db.rollback().await?;
    if !options.assume_yes {
        dialogue::ask(output)?;
    }
    create::create(options, &password, scheme, session, output).await
}

/// The new account's addresses begin with the server's.
fn require_address(server: &Server) -> Result<(), Failure> {
    if server.base_url.is_empty() {
        return Err(Failure::Usage(
            "the server's address is not known, as there is no local account yet: give it with \
             --instance-url, or as instance_url in the config file\nNothing was changed."
                .to_owned(),
        ));
    }
    Ok(())
}

/// Says everything that stands in the way at once, a line each.
fn refuse(mut faults: Vec<Fault>, output: Output) -> Result<(), Failure> {
    let Some(last) = faults.pop() else { return Ok(()) };
    for fault in faults {
        output.error(fault.to_string());
    }
    Err(Failure::Refused(last.to_string()))
}
