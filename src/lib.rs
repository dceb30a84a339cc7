//! ostrakon: background jobs for administrators of Pleroma and Akkoma servers.
//!
//! The program is all that is public here; a library, so that the fuzz targets can call what reads
//! the bytes of strangers.

mod cli;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod queue;
mod session;
mod settings;
mod telemetry;
mod worker;

use std::process::ExitCode;

/// Runs the process: reads its command line, does what that says, gives the exit code.
pub fn main() -> ExitCode {
    cli::main()
}
