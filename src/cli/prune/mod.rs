//! `ostrakon prune`

mod activities;
mod objects;

use super::Output;
use crate::{failure::Failure, session::Session};

/// What can be typed after `prune`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Delete old posts of other servers from this database, and what is left of them.
    Objects(Box<objects::Options>),
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
        Command::Objects(options) => objects::run(&options, session, output).await,
        Command::Activities(options) => activities::run(&options, session, output).await,
    }
}
