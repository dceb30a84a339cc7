//! ostrakon: background jobs for administrators of Pleroma and Akkoma servers.
//!
//! The program is the only public interface. It is a library so that the fuzz targets can call the
//! parsers of untrusted bytes.

mod block_list;
mod cli;
mod failure;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod numbers;
mod requests;
mod session;
mod settings;
mod telemetry;
mod worker;

use std::process::ExitCode;

/// Runs the process: parses its command line, executes the command, returns the exit code.
pub fn main() -> ExitCode {
    cli::main()
}
