//! Password of the new account: its source and its hash.

use std::{
    fmt,
    io::{self, BufRead as _, Read as _},
};

use ostrakon_server::{Argon2Login, Fault, PasswordScheme, Server, random_password};

use crate::{cli::Output, failure::Failure};

/// Maximum length of a line that is read as a password, in bytes.
const LONGEST: u64 = 65_536;

/// Options about the password.
#[derive(Debug, clap::Args)]
pub(super) struct PasswordOptions {
    /// Password, visible to every user of this machine; prefer --password-stdin.
    #[arg(long, value_name = "PASSWORD", conflicts_with = "password_stdin")]
    password: Option<Typed>,
    /// Read the password from the first line of the standard input; needs -y.
    #[arg(long)]
    password_stdin: bool,
    /// Hash scheme; defaults to the server's own.
    #[arg(long, value_enum, value_name = "SCHEME")]
    password_hash: Option<Scheme>,
}

/// A password from the command line. Never shown.
#[derive(Clone)]
struct Typed(String);

impl From<String> for Typed {
    fn from(password: String) -> Self {
        Self(password)
    }
}

impl fmt::Debug for Typed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Scheme {
    /// argon2id, as Akkoma writes it.
    Argon2,
    /// PBKDF2 with SHA-512, as Pleroma writes it; every server knows it.
    Pbkdf2,
}

/// Password, and whether a person knows it.
pub(super) enum Password {
    /// Password chosen by the operator.
    Given(String),
    /// Random password that nobody knows: a reset link replaces it.
    Generated(String),
}

impl Password {
    /// Plain-text password, for hashing only.
    pub(super) fn expose(&self) -> &str {
        match self {
            Self::Given(password) | Self::Generated(password) => password,
        }
    }

    /// Describes what is wrong with the password.
    pub(super) fn fault(&self) -> Option<Fault> {
        self.expose().trim().is_empty().then_some(Fault::PasswordMissing)
    }
}

impl PasswordOptions {
    /// Reads the password from the source that the options name.
    pub(super) fn read(&self, assume_yes: bool, output: Output) -> Result<Password, Failure> {
        if self.password_stdin && !assume_yes {
            return Err(Failure::Usage(
                "--password-stdin cannot ask for confirmation: add -y".to_owned(),
            ));
        }
        if self.password_stdin {
            return Ok(Password::Given(first_line()?));
        }
        let Some(typed) = &self.password else {
            return Ok(Password::Generated(random_password()));
        };
        output.warning(
            "every user of this machine can see a password on the command line in the list of \
             processes; use --password-stdin",
        );
        Ok(Password::Given(typed.0.clone()))
    }

    /// Chooses the hash scheme; refuses one that the server's login does not support.
    pub(super) fn scheme(
        &self,
        server: &Server,
        output: Output,
    ) -> Result<PasswordScheme, Failure> {
        let dialect = server.dialect;
        let scheme = match self.password_hash {
            None => dialect.password_scheme,
            Some(Scheme::Argon2) => PasswordScheme::Argon2,
            Some(Scheme::Pbkdf2) => PasswordScheme::Pbkdf2,
        };
        let argon2 = scheme == PasswordScheme::Argon2;
        if argon2 && dialect.argon2_login == Argon2Login::No {
            return Err(Failure::Refused(format!(
                "--password-hash {scheme}: the login of this server does not support it; nothing \
                 was changed"
            )));
        }
        if argon2 && dialect.argon2_login == Argon2Login::SinceLater {
            output.warning(
                "Pleroma before 2.8.0 does not support argon2: there, the account cannot log in \
                 with this password",
            );
        }
        Ok(scheme)
    }
}

fn first_line() -> Result<String, Failure> {
    let mut line = String::new();
    let read = io::stdin().lock().take(LONGEST).read_line(&mut line);
    read.map_err(|error| {
        Failure::Usage(format!("no password could be read from the standard input ({error})"))
    })?;
    if line.len() >= usize::try_from(LONGEST).unwrap_or(usize::MAX) {
        return Err(Failure::Usage(format!("the password is longer than {LONGEST} bytes")));
    }
    let line = line.strip_suffix('\n').unwrap_or(&line);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}
