//! `kenoma user deactivate_all_from_instance HOST`

use kenoma_jobs::{DeactivateInstance, deactivate_instance::Host};

use super::act::StaffOptions;
use crate::{
    cli::{Failure, Output, submit},
    session::Session,
};

/// What can be typed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: kenoma user deactivate_all_from_instance spam.example --dry-run")]
pub(in crate::cli) struct Options {
    /// Host of the instance, exactly as behind the @ of its nicknames.
    #[arg(value_name = "HOST")]
    host: String,
    /// The accounts of its sub-domains as well.
    #[arg(long)]
    include_subdomains: bool,
    #[command(flatten)]
    staff: StaffOptions,
    #[command(flatten)]
    submit: submit::RunOptions,
}

/// Asks for the job.
pub(super) async fn run(
    options: &Options,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    let host = Host::parse(&options.host).map_err(|error| Failure::Refused(error.to_string()))?;
    let server = session.server().await?;
    let done = vec![format!("Deactivated all users of {host}.")];
    let staff = {
        let mut db = session.pool.acquire().await?;
        options.staff.find(&mut db, &server).await?
    };
    let job = DeactivateInstance {
        host,
        include_subdomains: options.include_subdomains,
        on_behalf_of: staff.map(|staff| staff.id),
    };
    let request = submit::Request { job: job.into(), options: &options.submit, done };
    submit::submit(session, server, request, output).await
}
