//! Other programs: how they are started, and what becomes of their exit codes.

use std::ffi::OsStr;
use std::process::{ExitCode, ExitStatus};

use anyhow::{Context as _, Result};
use tokio::process::Command;
use tokio::signal::ctrl_c;
use tokio::signal::unix::{SignalKind, signal};

/// What cargo tells the program that it runs. A cargo below must not inherit it: build scripts that
/// look at it (ring's) would run again, and everything above them would be compiled again.
const OWN: [&str; 5] =
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"];

/// The tests have processes die at named places, which a release does not have.
pub(crate) const FAILPOINTS: [&str; 2] = ["--features", "ostrakon/failpoints"];

/// A cargo command, with the environment that a person's shell would give it.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| OWN.iter().any(|own| name.starts_with(own))) {
            command.env_remove(name);
        }
    }
    command
}

/// Gives a command as a person would type it.
pub(crate) fn spelled(command: &Command) -> String {
    let command = command.as_std();
    let program = std::path::Path::new(command.get_program());
    let name = program.file_name().unwrap_or_default();
    let words = [name].into_iter().chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

/// Runs a command to its end. Ctrl-C reaches it as well, as it is in the terminal's process group:
/// it is waited for, so that whoever called can put things back in order. SIGTERM ends it.
pub(crate) async fn run(command: &mut Command) -> Result<ExitStatus> {
    let name = spelled(command);
    let mut terminated = signal(SignalKind::terminate())?;
    let mut child =
        command.kill_on_drop(true).spawn().with_context(|| format!("cannot start `{name}`"))?;
    loop {
        tokio::select! {
            status = child.wait() => return Ok(status?),
            _ = ctrl_c() => {}
            _ = terminated.recv() => child.start_kill()?,
        }
    }
}

/// Waits for Ctrl-C or SIGTERM; tells which.
pub(crate) async fn interrupted() -> Result<&'static str> {
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = ctrl_c() => Ok("interrupted"),
        _ = terminated.recv() => Ok("terminated"),
    }
}

/// Passes an exit code on; a signal becomes 1.
pub(crate) fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    ExitCode::from(code.unwrap_or(1))
}
