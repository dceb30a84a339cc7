//! kenoma: background jobs for administrators of Pleroma and Akkoma servers.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    #[cfg(feature = "failpoints")]
    let _armed = kenoma_jobs::engine::failpoint::arm();
    kenoma::main().await
}
