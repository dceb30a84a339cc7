//! A running worker, and its log.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use tokio::process::{Child, Command};

use crate::Ostrakon;

/// A running `ostrakon worker`; killed on drop.
#[derive(Debug)]
pub struct Worker {
    process: Child,
    log: PathBuf,
}

/// The line that a worker logs at the end of a run.
#[derive(Debug, Deserialize)]
pub struct Ended {
    /// Name of the job.
    pub job: String,
    /// Subject of the run.
    pub subject: String,
    /// Number of items that were dealt with.
    pub done: i64,
    /// Duration in milliseconds.
    pub duration_ms: i64,
    /// Number of batches.
    pub batches: i64,
    /// Duration of the longest batch in milliseconds.
    pub longest_batch_ms: i64,
}

impl Worker {
    /// Starts the worker; its log goes into a file.
    pub fn start(ostrakon: &Ostrakon) -> Result<Self> {
        let log = ostrakon.folder()?.join("worker.log");
        let file = fs::File::create(&log)?;
        let mut command = ostrakon.async_command(&["worker"]);
        command.env("OSTRAKON_LOG_FORMAT", "json");
        // Ctrl-C must reach only this program, which stops the worker afterwards.
        command.process_group(0).stdout(Stdio::null()).stderr(file);
        let process = command.spawn().context("the worker cannot be started")?;
        Ok(Self { process, log })
    }

    /// Returns the path of its log.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Returns its process id while it runs.
    pub fn id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Stops the worker as systemd would.
    ///
    /// # Errors
    /// If the worker had already ended, or does not end cleanly.
    pub async fn stop(mut self) -> Result<()> {
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

    /// Returns the ended runs, in order.
    pub fn ended(&self) -> Result<Vec<Ended>> {
        Ok(read(&self.log)?
            .lines()
            .filter_map(|line| serde_json::from_str::<Ended>(line).ok())
            .collect())
    }

    /// Returns the end of the log, for error messages.
    pub fn log_tail(&self) -> String {
        let text = read(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }
}

fn read(log: &Path) -> Result<String> {
    fs::read_to_string(log).with_context(|| format!("{} cannot be read", log.display()))
}
