//! The program itself, optimised and run as an administrator would run it.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use crate::console::{say, show};
use crate::program::{FAILPOINTS, cargo, run, spelled};

/// Settings under which the due times of deliveries do not depend on faults.
const DUE_AT_ONCE: &str = "[federation]\nper_second = 1000000\n";

/// The built program, its environment, and a folder of its own.
#[derive(Debug)]
pub(crate) struct Ostrakon {
    program: PathBuf,
    environment: Vec<(&'static str, String)>,
    folder: TempDir,
}

impl Ostrakon {
    /// Builds the program in release mode.
    pub(crate) async fn build() -> Result<Self> {
        let arguments = ["build", "--release", "--package", "ostrakon", "--bin", "ostrakon"];
        // With the default settings.
        Self::build_by(&arguments, "").await
    }

    /// Builds the program in the profile that `cargo xtask` itself was built in, so that a fresh
    /// machine builds each dependency once; `cargo xtask test` uses them again. What the demo shows
    /// is mostly the work of PostgreSQL.
    pub(crate) async fn build_for_demo() -> Result<Self> {
        Self::build_by(&["build", "--workspace", "--bin", "ostrakon"], "").await
    }

    /// Builds the program as the tests do, with fail points.
    pub(crate) async fn build_for_chaos() -> Result<Self> {
        let arguments = [&["test", "--no-run", "--workspace"][..], &FAILPOINTS].concat();
        Self::build_by(&arguments, DUE_AT_ONCE).await
    }

    async fn build_by(arguments: &[&str], settings: &str) -> Result<Self> {
        let mut command = cargo();
        command.args(arguments);
        say(format!("xtask: `{}` …", spelled(&command)));
        command.arg("--message-format=json-render-diagnostics").stdout(Stdio::piped());
        let output = command.stderr(Stdio::inherit()).kill_on_drop(true).output().await?;
        if !output.status.success() {
            bail!("ostrakon could not be built ({})", output.status);
        }
        let folder = tempfile::Builder::new().prefix("ostrakon-xtask-").tempdir()?;
        // Replaces a config file of this machine.
        let config = folder.path().join("ostrakon.toml");
        std::fs::write(&config, settings)?;
        let environment = vec![("OSTRAKON_CONFIG", config.display().to_string())];
        Ok(Self { program: executable(&output.stdout)?, environment, folder })
    }

    /// Sets the servers that the program uses. Without a Redis, only `--inline` commands work.
    pub(crate) fn connect(&mut self, database_url: String, redis_url: Option<String>) {
        self.environment.truncate(1);
        self.environment.push(("OSTRAKON_DATABASE_URL", database_url));
        self.environment.extend(redis_url.map(|url| ("OSTRAKON_REDIS_URL", url)));
    }

    /// Sets one more variable, until the next call of [`connect`](Self::connect).
    pub(crate) fn set(&mut self, name: &'static str, value: &str) {
        self.environment.push((name, value.to_owned()));
    }

    /// Returns a folder that is deleted together with this value.
    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().to_path_buf()
    }

    /// Returns the path of the program.
    pub(crate) fn path(&self) -> PathBuf {
        self.program.clone()
    }

    /// Returns the variables that name servers and settings.
    pub(crate) fn environment(&self) -> &[(&'static str, String)] {
        &self.environment
    }

    /// Returns a command without any settings from the caller's environment.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        for (name, _) in std::env::vars_os() {
            let foreign = |name: &str| {
                name.starts_with("OSTRAKON_") || name == "DATABASE_URL" || name == "REDIS_URL"
            };
            if name.to_str().is_some_and(foreign) {
                command.env_remove(name);
            }
        }
        command.args(arguments).envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// Runs a command visibly: shows the command line and its output, and fails if it fails.
    pub(crate) async fn perform(&self, arguments: &[&str]) -> Result<()> {
        let mut command = self.command(arguments);
        let name = spelled(&command);
        show(format!("$ {name}"));
        let status = run(&mut command).await?;
        if status.success() { Ok(()) } else { bail!("`{name}` failed ({status})") }
    }

    /// Runs a command that must succeed, without showing anything; returns its standard output.
    pub(crate) async fn answer_quietly(&self, arguments: &[&str]) -> Result<String> {
        let output = self.command(arguments).output().await?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!(
                "ostrakon {} failed ({}): {}",
                arguments.join(" "),
                output.status,
                said.trim_end()
            );
        }
        String::from_utf8(output.stdout).context("ostrakon wrote no UTF-8")
    }

    /// Runs a command like [`perform`](Self::perform), and returns its standard output, which is
    /// shown after the end.
    pub(crate) async fn answer(&self, arguments: &[&str]) -> Result<String> {
        let mut command = self.command(arguments);
        let name = spelled(&command);
        show(format!("$ {name}"));
        let output = command.stderr(Stdio::inherit()).output().await?;
        let text = String::from_utf8(output.stdout).context("ostrakon wrote no UTF-8")?;
        show(text.trim_end());
        if output.status.success() {
            Ok(text)
        } else {
            bail!("`{name}` failed ({})", output.status)
        }
    }
}

/// Finds the executable in cargo's build messages.
fn executable(messages: &[u8]) -> Result<PathBuf> {
    let text = String::from_utf8_lossy(messages);
    text.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == "ostrakon")
        // Not the program that runs its unit tests.
        .filter(|message| message["profile"]["test"] == false)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .context("cargo does not say where it put ostrakon")
}
