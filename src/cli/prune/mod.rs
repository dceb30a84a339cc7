//! `ostrakon prune`

mod activities;

use super::Output;
use crate::{failure::Failure, session::Session};

/// What can be typed after `prune`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Delete activities of other servers about posts, activities and accounts that are not here
    /// (any more).
    Activities(activities::Options),
}

/// Requests a job.
pub(super) async fn run(
    command: Command,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    match command {
        Command::Activities(options) => activities::run(&options, session, output).await,
    }
}
