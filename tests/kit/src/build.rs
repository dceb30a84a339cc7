//! Builds the program for the tools.

use std::{path::PathBuf, process::Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::{
    Ostrakon,
    console::say,
    process::{FAILPOINTS, cargo, spelled},
};

/// Settings under which the due times of deliveries do not depend on faults, and nothing waits for
/// them for long: there is no server that would make them.
const WITHOUT_SERVER: &str =
    "[federation]\nper_second = 1000000\n[server]\npublish_wait = \"1s\"\n";

/// Builds the program as it is released, with the default settings.
///
/// # Errors
/// If cargo fails.
pub async fn release() -> Result<Ostrakon> {
    let arguments = ["build", "--release", "--package", "ostrakon", "--bin", "ostrakon"];
    Ostrakon::built(executable(&arguments, "ostrakon").await?, "")
}

/// Builds the program in the profile that `cargo xtask` itself was built in, so that a fresh machine
/// builds each dependency once; `cargo xtask test` uses them again. What the demo shows is mostly
/// the work of PostgreSQL.
///
/// # Errors
/// If cargo fails.
pub async fn for_demo() -> Result<Ostrakon> {
    Ostrakon::built(workspace_executable("ostrakon").await?, "")
}

/// Builds the program as the tests do, with fail points.
///
/// # Errors
/// If cargo fails.
pub async fn for_chaos() -> Result<Ostrakon> {
    let arguments = [&["test", "--no-run", "--workspace"][..], &FAILPOINTS].concat();
    Ostrakon::built(executable(&arguments, "ostrakon").await?, WITHOUT_SERVER)
}

/// Builds one program of the workspace with the features that the whole workspace has.
///
/// # Errors
/// If cargo fails.
pub async fn workspace_executable(name: &str) -> Result<PathBuf> {
    executable(&["build", "--workspace", "--bin", name], name).await
}

async fn executable(arguments: &[&str], name: &str) -> Result<PathBuf> {
    let mut command = cargo();
    command.args(arguments);
    say(format!("xtask: `{}` …", spelled(&command)));
    command.arg("--message-format=json-render-diagnostics").stdout(Stdio::piped());
    let output = command.stderr(Stdio::inherit()).kill_on_drop(true).output().await?;
    ensure!(output.status.success(), "{name} could not be built ({})", output.status);
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == name)
        // Not the program that runs its unit tests.
        .filter(|message| message["profile"]["test"] == false)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .with_context(|| format!("cargo does not say where it put {name}"))
}
