//! `ostrakon prune activities`

use ostrakon_jobs::PruneActivities;

use crate::{
    cli::{Output, submit},
    failure::Failure,
    session::Session,
};

/// What can be typed after `prune activities`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: ostrakon prune activities --dry-run")]
pub(in crate::cli) struct Options {
    /// Maximum number to delete of those with one object, and of those with a list of objects.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    limit: Option<i64>,
    /// Leave activities with one object alone.
    #[arg(long, conflicts_with = "no_arrays")]
    no_singles: bool,
    /// Leave activities with a list of objects alone.
    #[arg(long)]
    no_arrays: bool,
    #[command(flatten)]
    submit: submit::RunOptions,
}

/// Requests the job.
pub(super) async fn run(
    options: &Options,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    let server = session.server().await?;
    let job = PruneActivities::new(!options.no_singles, !options.no_arrays, options.limit).into();
    let done = vec!["Deleted the orphaned activities.".to_owned()];
    let request = submit::Request { job, options: &options.submit, done };
    submit::submit(session, server, request, output).await
}
