//! Programs of the workspace that `cargo xtask` starts.

use std::process::ExitCode;

use anyhow::Result;
use testkit::{
    build::workspace_executable,
    process::{exit_code, run as run_program},
};
use tokio::process::Command;

use crate::provision;

/// A program in `tools/`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Tool {
    Bench,
    Chaos,
}

impl Tool {
    const fn name(self) -> &'static str {
        match self {
            Self::Bench => "ostrakon-bench",
            Self::Chaos => "ostrakon-chaos",
        }
    }
}

/// Arguments of a tool; `--help` lists them.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[arg(value_name = "ARGUMENTS", trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) words: Vec<String>,
}

/// Builds a tool and runs it to its end; returns its exit code.
pub(crate) async fn run<A: AsRef<std::ffi::OsStr>>(tool: Tool, words: &[A]) -> Result<ExitCode> {
    provision::run()?;
    let program = workspace_executable(tool.name()).await?;
    let status = run_program(Command::new(program).args(words)).await?;
    Ok(exit_code(status))
}
