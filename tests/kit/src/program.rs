//! The built binary, as an operator runs it.

use std::{
    env,
    ffi::OsStr,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context as _, Result, bail, ensure};
use tempfile::TempDir;

use crate::{
    Database, Flavour,
    console::show,
    process::{run, spelled},
};

/// Role that most tests run the program as, on the server of the whole test run.
const ROLE: &str = "ostrakon_least";

/// A flavour, and the statements that make a release's tables of its own.
type ReleaseTables = (Flavour, &'static [&'static str]);

/// Returns what `ostrakon migrate --print-grants` prints. It is the same in all databases of a
/// release, and a test may need many of them.
fn grants(owner: &Ostrakon, database: &Database) -> Result<String> {
    static PRINTED: Mutex<Vec<(ReleaseTables, String)>> = Mutex::new(Vec::new());
    let release = (database.flavour(), database.changes());
    let mut printed = PRINTED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, grants)) = printed.iter().find(|(of, _)| *of == release) {
        return Ok(grants.clone());
    }
    let grants = print_grants(owner)?;
    printed.push((release, grants.clone()));
    Ok(grants)
}

fn print_grants(owner: &Ostrakon) -> Result<String> {
    let done = owner.run(&["migrate", "--print-grants", "--role", ROLE])?;
    anyhow::ensure!(done.code == 0 && done.stderr.is_empty(), "{done:?}");
    Ok(done.stdout)
}

/// The program that cargo built together with the tests: beside the folder of the running one.
fn built_with_the_tests() -> PathBuf {
    let running = env::current_exe().unwrap_or_default();
    let folder = running.parent().and_then(Path::parent).unwrap_or(Path::new("."));
    folder.join("ostrakon")
}

/// Result of a command.
#[derive(Debug)]
pub struct Done {
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// Exit code; -1 after a signal.
    pub code: i32,
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
pub struct Ostrakon {
    program: PathBuf,
    environment: Vec<(String, String)>,
    /// Deleted together with the last copy of this value.
    folder: Option<Arc<TempDir>>,
}

impl Ostrakon {
    /// A program that works on a database.
    pub fn on(database: &Database) -> Self {
        Self::at(database.url())
    }

    /// A program on a database that has ostrakon's own tables. It runs as a role with the GRANTs of
    /// `ostrakon migrate --print-grants` and no other right, so every test that uses it proves
    /// them.
    pub async fn with_least_rights(database: &Database) -> Result<Self> {
        let owner = Self::on(database);
        owner.migrate()?;
        let grants = grants(&owner, database)?;
        Ok(Self::at(&database.grant(ROLE, &grants).await?))
    }

    /// Grants that role its rights again, as an administrator does after an update of the server.
    pub async fn renew_least_rights(database: &Database) -> Result<()> {
        let grants = print_grants(&Self::on(database))?;
        database.grant(ROLE, &grants).await?;
        Ok(())
    }

    /// A program that works on the database at a URL.
    pub fn at(url: &str) -> Self {
        Self::nowhere().with("OSTRAKON_DATABASE_URL", url)
    }

    /// A program without a database URL.
    ///
    /// `batch.late_writes` is 0s: tests have connections of their own, for which no run needs to
    /// wait.
    pub fn nowhere() -> Self {
        Self { program: built_with_the_tests(), environment: Vec::new(), folder: None }
            .with("OSTRAKON_BATCH_LATE_WRITES", "0s")
    }

    /// A program that was built before, with these settings in a config file, and with what the
    /// caller's terminal asks for.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn built(program: PathBuf, settings: &str) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("ostrakon-xtask-").tempdir()?;
        // Replaces a config file of this machine.
        let config = folder.path().join("ostrakon.toml");
        std::fs::write(&config, settings)?;
        let terminal = ["TERM", "COLUMNS", "NO_COLOR", "LANG", "LC_ALL"];
        let environment = terminal
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), env::var(name).ok()?)))
            .chain([("OSTRAKON_CONFIG".to_owned(), config.display().to_string())])
            .collect();
        Ok(Self { program, environment, folder: Some(Arc::new(folder)) })
    }

    /// Sets the servers that the program uses, and nothing else. Without a Redis, only `--inline`
    /// commands work.
    pub fn connect(&mut self, database_url: &str, redis_url: Option<&str>) {
        let of_caller = |name: &str| !name.starts_with("OSTRAKON_") || name == "OSTRAKON_CONFIG";
        self.environment.retain(|(name, _)| of_caller(name));
        self.set("OSTRAKON_DATABASE_URL", database_url);
        if let Some(url) = redis_url {
            self.set("OSTRAKON_REDIS_URL", url);
        }
    }

    /// Sets one more variable, until the next call of [`connect`](Self::connect).
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Folder of a program that was [`built`](Self::built).
    ///
    /// # Errors
    /// If this is another one.
    pub fn folder(&self) -> Result<&Path> {
        self.folder.as_ref().map(|folder| folder.path()).context("a program of the tests")
    }

    /// Path of the program.
    pub fn path(&self) -> &Path {
        &self.program
    }

    /// Its variables.
    pub fn environment(&self) -> impl Iterator<Item = (&str, &str)> {
        self.environment.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// URL of its database, for a test that connects as the same role.
    pub fn database_url(&self) -> &str {
        let named = self.environment.iter().rfind(|(name, _)| name == "OSTRAKON_DATABASE_URL");
        named.map_or("", |(_, url)| url)
    }

    /// Adds a variable to the environment.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// The command, not yet started.
    pub fn command<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .env_clear()
            .env("USER", "tester")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    /// The command, killed when it is dropped.
    pub fn async_command(&self, arguments: &[&str]) -> tokio::process::Command {
        let mut command = tokio::process::Command::from(self.command(arguments));
        command.kill_on_drop(true);
        command
    }

    /// Runs a command visibly: shows the command line and its output.
    ///
    /// # Errors
    /// If the command fails.
    pub async fn perform(&self, arguments: &[&str]) -> Result<()> {
        let mut command = self.async_command(arguments);
        let name = spelled(&command);
        show(format!("$ {name}"));
        let status = run(&mut command).await?;
        ensure!(status.success(), "`{name}` failed ({status})");
        Ok(())
    }

    /// Runs a command like [`perform`](Self::perform), and returns its standard output, which is
    /// shown after the end.
    ///
    /// # Errors
    /// If the command fails.
    pub async fn answer(&self, arguments: &[&str]) -> Result<String> {
        let mut command = self.async_command(arguments);
        let name = spelled(&command);
        show(format!("$ {name}"));
        let output = command.stderr(Stdio::inherit()).output().await?;
        let text = String::from_utf8(output.stdout).context("ostrakon wrote no UTF-8")?;
        show(text.trim_end());
        ensure!(output.status.success(), "`{name}` failed ({})", output.status);
        Ok(text)
    }

    /// Runs a command without showing anything; returns its standard output.
    ///
    /// # Errors
    /// If the command fails.
    pub async fn answer_quietly(&self, arguments: &[&str]) -> Result<String> {
        let output = self.async_command(arguments).output().await?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let words = arguments.join(" ");
            bail!("ostrakon {words} failed ({}): {}", output.status, said.trim_end());
        }
        String::from_utf8(output.stdout).context("ostrakon wrote no UTF-8")
    }

    /// Runs a command to its end. Must not be called on a thread that drives async tasks needed by
    /// the command.
    pub fn run<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Result<Done> {
        Ok(self.command(arguments).output().context("ostrakon cannot be started")?.into())
    }

    /// Runs a command to its end, with `input` on its standard input.
    pub fn run_with_input<A: AsRef<OsStr>>(&self, arguments: &[A], input: &str) -> Result<Done> {
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
    pub fn run_on_terminal(&self, line: &str, typed: &str) -> Result<Done> {
        let mut terminal = Command::new("script")
            .args(["-qec", &format!("{} {line}", self.program.display()), "/dev/null"])
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
    pub fn migrate(&self) -> Result<()> {
        let done = self.run(&["migrate"])?;
        anyhow::ensure!(done.code == 0, "migrate failed: {done:?}");
        Ok(())
    }
}

impl Done {
    /// Everything that the operator sees, for snapshots.
    pub fn transcript(&self) -> String {
        let marked = |mark: &str, text: &str| -> String {
            text.lines().flat_map(|line| [mark, " ", line, "\n"]).collect()
        };
        let (out, err) = (marked("out|", &self.stdout), marked("err|", &self.stderr));
        format!("{out}{err}exit {}\n", self.code)
    }
}
