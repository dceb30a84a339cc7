//! `ostrakon worker`

use super::Failure;
use crate::{session::Session, settings::Settings, worker};

/// Options of a worker.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ostrakon worker --concurrency 4\n\
    SIGTERM or Ctrl-C finishes the running batches, returns the runs and exits. A second one \
    exits immediately.")]
pub(super) struct Options {
    /// Number of long jobs to run simultaneously.
    #[arg(long, value_name = "N")]
    pub(super) concurrency: Option<u32>,
    /// Number of slots reserved for short jobs.
    #[arg(long, value_name = "N")]
    pub(super) short_concurrency: Option<u32>,
}

/// Runs jobs until told to stop.
pub(super) async fn run(_options: Options, settings: Settings) -> Result<(), Failure> {
    let session = Session::connect_worker(settings).await?;
    session.require_ledger().await?;
    let server = session.writable_server().await?;
    worker::run(session, server).await
}
