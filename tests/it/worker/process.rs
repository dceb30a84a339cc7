//! A worker process: its log, its signals, its end.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::Instant,
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use super::stage::DEADLINE;
use testkit::Ostrakon;

/// A running `ostrakon worker`, killed on drop.
pub(super) struct Worker {
    child: Child,
    lines: Receiver<String>,
    /// Every line so far.
    log: Vec<Value>,
    /// How much of the log earlier calls of `expect` have gone through.
    seen: usize,
}

impl Worker {
    /// Starts a worker, and returns when it says so.
    pub(super) fn start(ostrakon: &Ostrakon) -> Result<Self> {
        let mut worker = Self::launch(ostrakon)?;
        worker.expect("The worker has started")?;
        Ok(worker)
    }

    /// Starts a worker without waiting for anything.
    pub(super) fn launch(ostrakon: &Ostrakon) -> Result<Self> {
        let mut child = ostrakon
            .command(&["worker"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("ostrakon cannot be started")?;
        let stderr = child.stderr.take().context("no standard error")?;
        let (sender, lines) = channel();
        // Ends with the process, whose end closes the pipe.
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, lines, log: Vec::new(), seen: 0 })
    }

    /// Waits for the next line whose message contains a text.
    pub(super) fn expect(&mut self, text: &str) -> Result<Value> {
        self.expect_that(text, |_line| true)
    }

    /// Waits for the next line whose message contains a text and that fulfils a condition.
    pub(super) fn expect_that(
        &mut self,
        text: &str,
        condition: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        let started = Instant::now();
        loop {
            while self.seen < self.log.len() {
                let line = &self.log[self.seen];
                self.seen += 1;
                if message(line).contains(text) && condition(line) {
                    return Ok(line.clone());
                }
            }
            match self.lines.recv_timeout(DEADLINE.saturating_sub(started.elapsed())) {
                Ok(line) => self.read(&line)?,
                Err(RecvTimeoutError::Timeout) => {
                    bail!("{text:?} was not logged in time; the log: {:#?}", self.log)
                }
                Err(RecvTimeoutError::Disconnected) => {
                    bail!("{text:?} was not logged before the end; the log: {:#?}", self.log)
                }
            }
        }
    }

    /// Waits for the end of the process, and gives its whole log with the exit status.
    pub(super) fn end(mut self) -> Result<(ExitStatus, Vec<Value>)> {
        let started = Instant::now();
        loop {
            match self.lines.recv_timeout(DEADLINE.saturating_sub(started.elapsed())) {
                Ok(line) => self.read(&line)?,
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => bail!("the worker does not end: {:#?}", self.log),
            }
        }
        Ok((self.child.wait()?, std::mem::take(&mut self.log)))
    }

    /// Asks the worker to stop and waits for that; it must end well.
    pub(super) fn stop(self) -> Result<Vec<Value>> {
        self.signal("TERM")?;
        let (status, log) = self.end()?;
        ensure!(status.code() == Some(0), "{status}: {log:#?}");
        Ok(log)
    }

    /// Ends the worker as a crash would.
    pub(super) fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Sends a signal, by its name without `SIG`.
    pub(super) fn signal(&self, name: &str) -> Result<()> {
        let pid = self.child.id().to_string();
        let sent =
            Command::new("sh").args(["-c", r#"kill -"$1" "$2""#, "kill", name, &pid]).status()?;
        ensure!(sent.success(), "SIG{name} cannot be sent to {pid}");
        Ok(())
    }

    fn read(&mut self, line: &str) -> Result<()> {
        // Why the command did not end well is told as by every command, and not logged.
        let line = if line.starts_with("error: ") {
            json!({ "message": line })
        } else {
            serde_json::from_str(line)
                .with_context(|| format!("a line of the log is not JSON: {line}"))?
        };
        self.log.push(line);
        Ok(())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended already; there is nobody to report anything to.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The text of a log line.
pub(super) fn message(line: &Value) -> &str {
    line["message"].as_str().unwrap_or_default()
}
