//! kenoma: background jobs for administrators of Pleroma and Akkoma servers.

mod cli;
mod queue;
mod session;
mod settings;
mod telemetry;
mod worker;

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    #[cfg(feature = "failpoints")]
    let _armed = kenoma_jobs::engine::failpoint::arm();
    cli::main().await
}
