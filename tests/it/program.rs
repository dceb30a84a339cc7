//! The built binary, as a user runs it.

use std::{
    ffi::OsStr,
    process::{Command, Output, Stdio},
};

use anyhow::{Context as _, Result};
use testkit::Database;

/// What a command did.
#[derive(Debug)]
pub(crate) struct Done {
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
    /// Exit code; -1 after a signal.
    pub(crate) code: i32,
}

impl From<Output> for Done {
    fn from(output: Output) -> Self {
        Self {
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            code: output.status.code().unwrap_or(-1),
        }
    }
}

/// The program with an environment of its own.
#[derive(Debug, Clone)]
pub(crate) struct Kenoma {
    environment: Vec<(String, String)>,
}

impl Kenoma {
    /// A program that works on a database.
    pub(crate) fn on(database: &Database) -> Self {
        Self::at(database.url())
    }

    /// A program that works on the database at a URL.
    pub(crate) fn at(url: &str) -> Self {
        Self { environment: Vec::new() }.with("KENOMA_DATABASE_URL", url)
    }

    /// The same with one more variable.
    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// The command, not yet started.
    pub(crate) fn command<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kenoma"));
        command
            .args(arguments)
            .env_clear()
            .env("USER", "tester")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end. Must not be called on a thread that drives async tasks needed
    /// by the command.
    pub(crate) fn run<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Result<Done> {
        Ok(self.command(arguments).output().context("kenoma cannot be started")?.into())
    }

    /// Runs `kenoma migrate`.
    pub(crate) fn migrate(&self) -> Result<()> {
        let done = self.run(&["migrate"])?;
        anyhow::ensure!(done.code == 0, "migrate failed: {done:?}");
        Ok(())
    }
}
