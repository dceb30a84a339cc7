//! Starts other programs, and handles their exit codes.

use std::ffi::OsStr;
use std::process::{ExitCode, ExitStatus};

use anyhow::{Context as _, Result};
use tokio::process::Command;
use tokio::signal::ctrl_c;
use tokio::signal::unix::{SignalKind, signal};

/// Prefixes of the variables that cargo sets for the program it runs. A nested cargo must not
/// inherit them. Otherwise build scripts that read them (ring's) run again, and everything that
/// depends on them is compiled again.
const OWN: [&str; 5] =
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"];

/// Compiles in the fail points, which a release does not have.
pub const FAILPOINTS: [&str; 2] = ["--features", "ostrakon/failpoints"];

/// Returns a cargo command with the environment of a user's shell.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| OWN.iter().any(|own| name.starts_with(own))) {
            command.env_remove(name);
        }
    }
    command
}

/// Returns a command as a user would type it.
pub fn spelled(command: &Command) -> String {
    let command = command.as_std();
    let program = std::path::Path::new(command.get_program());
    let name = program.file_name().unwrap_or_default();
    let words = [name].into_iter().chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

/// Runs a command to its end. Ctrl-C also reaches the command, which is in the terminal's process
/// group; this function still waits for it, so that the caller can clean up. SIGTERM ends the
/// command.
pub async fn run(command: &mut Command) -> Result<ExitStatus> {
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

/// Waits for Ctrl-C or SIGTERM; returns which one came.
pub async fn interrupted() -> Result<&'static str> {
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = ctrl_c() => Ok("interrupted"),
        _ = terminated.recv() => Ok("terminated"),
    }
}

/// Passes on an exit code; a signal becomes 1.
pub fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    ExitCode::from(code.unwrap_or(1))
}
