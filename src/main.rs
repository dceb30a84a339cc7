//! kenoma: background jobs for administrators of Pleroma and Akkoma servers.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    kenoma::main().await
}
