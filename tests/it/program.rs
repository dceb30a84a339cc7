//! The built binary, as an operator runs it.

use std::{
    ffi::OsStr,
    io::Write as _,
    process::{Command, Output, Stdio},
    sync::{Mutex, PoisonError},
};

use anyhow::{Context as _, Result};
use testkit::{Database, Flavour};

/// Role that most tests run the program as, on the server of the whole test run.
const ROLE: &str = "ostrakon_least";

/// Returns what `ostrakon migrate --print-grants` prints. It is the same in all databases of a
/// flavour, and a test may need many of them.
fn grants(owner: &Ostrakon, flavour: Flavour) -> Result<String> {
    static PRINTED: Mutex<Vec<(Flavour, String)>> = Mutex::new(Vec::new());
    let mut printed = PRINTED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, grants)) = printed.iter().find(|(of, _)| *of == flavour) {
        return Ok(grants.clone());
    }
    let grants = print_grants(owner)?;
    printed.push((flavour, grants.clone()));
    Ok(grants)
}

fn print_grants(owner: &Ostrakon) -> Result<String> {
    let done = owner.run(&["migrate", "--print-grants", "--role", ROLE])?;
    anyhow::ensure!(done.code == 0 && done.stderr.is_empty(), "{done:?}");
    Ok(done.stdout)
}

/// Result of a command.
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
pub(crate) struct Ostrakon {
    environment: Vec<(String, String)>,
}

impl Ostrakon {
    /// A program that works on a database.
    pub(crate) fn on(database: &Database) -> Self {
        Self::at(database.url())
    }

    /// A program on a database that has ostrakon's own tables. It runs as a role with the GRANTs of
    /// `ostrakon migrate --print-grants` and no other right, so every test that uses it proves
    /// them.
    pub(crate) async fn with_least_rights(database: &Database) -> Result<Self> {
        let owner = Self::on(database);
        owner.migrate()?;
        let grants = grants(&owner, database.flavour())?;
        Ok(Self::at(&database.grant(ROLE, &grants).await?))
    }

    /// Grants that role its rights again, as an administrator does after an update of the server.
    pub(crate) async fn renew_least_rights(database: &Database) -> Result<()> {
        let grants = print_grants(&Self::on(database))?;
        database.grant(ROLE, &grants).await?;
        Ok(())
    }

    /// A program that works on the database at a URL.
    pub(crate) fn at(url: &str) -> Self {
        Self::nowhere().with("OSTRAKON_DATABASE_URL", url)
    }

    /// A program without a database URL.
    ///
    /// `batch.late_writes` is 0s: tests have connections of their own, for which no run needs to
    /// wait.
    pub(crate) fn nowhere() -> Self {
        Self { environment: Vec::new() }.with("OSTRAKON_BATCH_LATE_WRITES", "0s")
    }

    /// URL of its database, for a test that connects as the same role.
    pub(crate) fn database_url(&self) -> &str {
        let named = self.environment.iter().rfind(|(name, _)| name == "OSTRAKON_DATABASE_URL");
        named.map_or("", |(_, url)| url)
    }

    /// Adds a variable to the environment.
    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// The command, not yet started.
    pub(crate) fn command<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ostrakon"));
        command
            .args(arguments)
            .env_clear()
            .env("USER", "tester")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end. Must not be called on a thread that drives async tasks needed by
    /// the command.
    pub(crate) fn run<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Result<Done> {
        Ok(self.command(arguments).output().context("ostrakon cannot be started")?.into())
    }

    /// Runs a command to its end, with `input` on its standard input.
    pub(crate) fn run_with_input<A: AsRef<OsStr>>(
        &self,
        arguments: &[A],
        input: &str,
    ) -> Result<Done> {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("ostrakon cannot be started")?;
        // A command that asks nothing may have ended before the input is written.
        let _unread = child.stdin.take().context("no input")?.write_all(input.as_bytes());
        Ok(child.wait_with_output()?.into())
    }

    /// Runs a command line on a terminal of its own and types `typed`. The terminal shows both
    /// streams, which are returned as standard output.
    pub(crate) fn run_on_terminal(&self, line: &str, typed: &str) -> Result<Done> {
        let mut terminal = Command::new("script")
            .args(["-qec", &format!("{} {line}", env!("CARGO_BIN_EXE_ostrakon")), "/dev/null"])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("SHELL", "/bin/sh")
            .env("TERM", "xterm")
            .env("USER", "tester")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("script(1) of util-linux cannot be started")?;
        terminal.stdin.take().context("no input")?.write_all(typed.as_bytes())?;
        let mut done = Done::from(terminal.wait_with_output()?);
        done.stdout = done.stdout.replace("\r\n", "\n");
        Ok(done)
    }

    /// Runs `ostrakon migrate`.
    pub(crate) fn migrate(&self) -> Result<()> {
        let done = self.run(&["migrate"])?;
        anyhow::ensure!(done.code == 0, "migrate failed: {done:?}");
        Ok(())
    }
}

impl Done {
    /// Everything that the operator sees, for snapshots.
    pub(crate) fn transcript(&self) -> String {
        let marked = |mark: &str, text: &str| -> String {
            text.lines().flat_map(|line| [mark, " ", line, "\n"]).collect()
        };
        let (out, err) = (marked("out|", &self.stdout), marked("err|", &self.stderr));
        format!("{out}{err}exit {}\n", self.code)
    }
}
