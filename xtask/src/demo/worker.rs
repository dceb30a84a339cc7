//! The worker of the demo, and what its log tells.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use tokio::process::{Child, Command};

use crate::ostrakon::Ostrakon;

/// A running `ostrakon worker`; it is killed on drop.
#[derive(Debug)]
pub(crate) struct Worker {
    process: Child,
    log: PathBuf,
}

/// The line that a worker writes at the end of a run.
#[derive(Debug, Deserialize)]
pub(crate) struct Ended {
    pub(crate) job: String,
    pub(crate) subject: String,
    pub(crate) done: i64,
    pub(crate) duration_ms: i64,
    pub(crate) batches: i64,
    pub(crate) longest_batch_ms: i64,
}

impl Worker {
    /// Starts it; its log goes into a file.
    pub(crate) fn start(ostrakon: &Ostrakon) -> Result<Self> {
        let log = ostrakon.folder().join("worker.log");
        let file = fs::File::create(&log)?;
        let mut command = ostrakon.command(&["worker"]);
        command.env("OSTRAKON_LOG_FORMAT", "json");
        // Ctrl-C is for us; the worker is told to stop afterwards.
        command.process_group(0).stdout(Stdio::null()).stderr(file);
        let process = command.spawn().context("the worker cannot be started")?;
        Ok(Self { process, log })
    }

    /// Gives where its log is.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// Gives its process id, while it runs.
    pub(crate) fn id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Stops it as systemd would.
    ///
    /// # Errors
    /// When it had ended before, or does not end well.
    pub(crate) async fn stop(mut self) -> Result<()> {
        let Some(pid) = self.process.id() else {
            bail!("the worker ended by itself; the end of its log:\n{}", self.log_tail());
        };
        Command::new("sh")
            .args(["-c", r#"kill -TERM "$1""#, "kill", &pid.to_string()])
            .status()
            .await?;
        let status = self.process.wait().await?;
        if !status.success() {
            bail!("the worker ended with {status}; the end of its log:\n{}", self.log_tail());
        }
        Ok(())
    }

    /// Gives the runs that have ended, in that order.
    pub(crate) fn ended(&self) -> Result<Vec<Ended>> {
        Ok(read(&self.log)?
            .lines()
            .filter_map(|line| serde_json::from_str::<Ended>(line).ok())
            .collect())
    }

    /// Gives the end of the log, for error messages.
    pub(crate) fn log_tail(&self) -> String {
        let text = read(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }
}

fn read(log: &Path) -> Result<String> {
    fs::read_to_string(log).with_context(|| format!("{} cannot be read", log.display()))
}
