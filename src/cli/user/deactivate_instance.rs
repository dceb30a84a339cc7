//! `ostrakon user deactivate_all_from_instance HOST`, or for the hosts of a file

use ostrakon_jobs::{
    DeactivateInstance,
    deactivate_instance::{Host, plan_all},
};
use ostrakon_server::Server;
use uuid::Uuid;

use super::quick_change::StaffOptions;
use crate::{
    cli::{Failure, GuardOptions, HostsFileOptions, Output, submit, submit_many},
    requests::Planned,
    session::Session,
};

/// What can be typed.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: ostrakon user deactivate_all_from_instance spam.example --dry-run"
)]
pub(in crate::cli) struct Options {
    /// Host of the instance, exactly as after the @ in its nicknames.
    #[arg(value_name = "HOST", required_unless_present = "hosts_file")]
    host: Option<String>,
    #[command(flatten)]
    hosts: HostsFileOptions,
    /// Include the accounts of its sub-domains.
    #[arg(long)]
    include_subdomains: bool,
    #[command(flatten)]
    staff: StaffOptions,
    #[command(flatten)]
    guard: GuardOptions,
    #[command(flatten)]
    submit: submit::RunOptions,
}

/// Requests the job, or one job for each host of the file.
pub(super) async fn run(
    options: &Options,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    if options.hosts.is_given() {
        run_all(options, session, output).await
    } else {
        run_one(options, session, output).await
    }
}

async fn run_one(options: &Options, session: &Session, output: Output) -> Result<(), Failure> {
    let typed = options.host.as_deref().unwrap_or_default();
    let host = Host::parse(typed)
        .map_err(|error| Failure::Usage(format!("{error}\nNothing was done.")))?;
    let server = session.server().await?;
    let staff = staff(options, session, &server).await?;
    let done = done_line(&host);
    let job = job(options, host, staff);
    job.refuse_own(&server)?;
    let unknown = {
        let mut db = session.pool.acquire().await?;
        job.unknown(&mut db, &server).await?
    };
    if let Some(unknown) = unknown {
        return Err(Failure::NotFound(format!("{unknown}\nNothing was done.")));
    }
    let instance = (&job.host, options.include_subdomains);
    let place = (session, &server);
    let submit = options.guard.check_host(instance, place, &options.submit, output).await?;
    let request = submit::Request { job: job.into(), options: &submit, done };
    submit::submit(session, server, request, output).await
}

async fn run_all(options: &Options, session: &Session, output: Output) -> Result<(), Failure> {
    let list = options.hosts.read(options.include_subdomains, output)?;
    let server = session.server().await?;
    let staff = staff(options, session, &server).await?;
    let hosts = list.accept(|host| {
        let refused = job(options, host.clone(), None).refuse_own(&server);
        refused.err().map(|refused| refused.to_string())
    })?;
    if options.submit.dry_run {
        list.show(output);
    }
    let (hosts, comments): (Vec<_>, Vec<_>) = hosts.into_iter().unzip();
    let jobs: Vec<_> = hosts.into_iter().map(|host| job(options, host, staff)).collect();
    let plans = {
        let mut db = session.pool.acquire().await?;
        plan_all(&mut db, &server, &jobs).await?
    };
    let found = jobs.iter().map(|job| &job.host).zip(plans.iter().map(|plan| plan.figures));
    let submit = options.guard.check_hosts(found, (session, &server), &options.submit, output)?;
    let planned = jobs
        .into_iter()
        .zip(plans)
        .zip(comments)
        .map(|((job, plan), comment)| {
            let done = done_line(&job.host);
            Planned::of_host(job.into(), plan, comment, done)
        })
        .collect();
    submit_many::submit(session, &server, planned, "hosts", &submit, output).await
}

async fn staff(
    options: &Options,
    session: &Session,
    server: &Server,
) -> Result<Option<Uuid>, Failure> {
    let mut db = session.pool.acquire().await?;
    Ok(options.staff.find(&mut db, server).await?.map(|staff| staff.id))
}

fn job(options: &Options, host: Host, on_behalf_of: Option<Uuid>) -> DeactivateInstance {
    DeactivateInstance::new(host, options.include_subdomains, on_behalf_of)
}

fn done_line(host: &Host) -> Vec<String> {
    vec![format!("Deactivated all users of {host}.")]
}
