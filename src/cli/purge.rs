//! `ostrakon purge`

use ostrakon_jobs::{
    PurgeInstance,
    deactivate_instance::Host,
    purge_instance::{Keep, KeepFollowed, plan_all, unknown},
};

use super::{GuardOptions, HostsFileOptions, Output, submit, submit_many};
use crate::{failure::Failure, requests::Planned, session::Session};

/// What can be typed after `purge`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Remove everything of another server: its accounts, what they posted and did, and what others
    /// did to that.
    Instance(Instance),
}

/// What can be typed after `purge instance`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "What open reports refer to always stays. Nobody is told, and the host can come back: block it first in \
the server's settings.\nExample: ostrakon purge instance spam.example --dry-run"
)]
pub(super) struct Instance {
    /// Host of the instance: of nicknames, and of the addresses of accounts.
    #[arg(value_name = "HOST", required_unless_present = "hosts_file")]
    host: Option<String>,
    #[command(flatten)]
    hosts: HostsFileOptions,
    /// Include its sub-domains.
    #[arg(long)]
    include_subdomains: bool,
    #[command(flatten)]
    keep: KeepOptions,
    #[command(flatten)]
    guard: GuardOptions,
    #[command(flatten)]
    submit: submit::RunOptions,
}

/// What is not removed.
#[derive(Debug, Clone, Copy, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the command")]
#[expect(clippy::struct_field_names, reason = "these are the names of the options")]
struct KeepOptions {
    /// What to keep of accounts that a local account follows: nothing; the account, its posts and
    /// boosts; or all it did.
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    keep_followed: Followed,
    /// Keep posts that a local account has bookmarked, and their authors.
    #[arg(long)]
    keep_bookmarked: bool,
    /// Keep posts that a local account likes, and their authors.
    #[arg(long)]
    keep_liked: bool,
    /// Keep posts that a local account has replied to, and their authors.
    #[arg(long)]
    keep_replied_to: bool,
    /// Keep the accounts, without what they did; also what local accounts have about them, such as
    /// blocks.
    #[arg(long)]
    keep_accounts: bool,
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Followed {
    Full,
    Posts,
    #[default]
    None,
}

impl From<KeepOptions> for Keep {
    fn from(options: KeepOptions) -> Self {
        Self {
            followed: match options.keep_followed {
                Followed::Full => KeepFollowed::Full,
                Followed::Posts => KeepFollowed::Posts,
                Followed::None => KeepFollowed::None,
            },
            bookmarked: options.keep_bookmarked,
            liked: options.keep_liked,
            replied_to: options.keep_replied_to,
            accounts: options.keep_accounts,
        }
    }
}

/// Requests a purge, or one for each host of a list.
pub(super) async fn run(
    command: Command,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    let Command::Instance(options) = command;
    if options.hosts.is_given() {
        run_all(&options, session, output).await
    } else {
        run_one(&options, session, output).await
    }
}

async fn run_one(options: &Instance, session: &Session, output: Output) -> Result<(), Failure> {
    let host = Host::parse(options.host.as_deref().unwrap_or_default())
        .map_err(|error| Failure::Usage(format!("{error}\nNothing was done.")))?;
    let server = session.server().await?;
    let done = done_line(&host);
    let job = job(options, host);
    job.refuse_own(&server)?;
    let unknown = {
        let mut db = session.pool.acquire().await?;
        unknown(&mut db, &server, &job).await?
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

async fn run_all(options: &Instance, session: &Session, output: Output) -> Result<(), Failure> {
    let list = options.hosts.read(options.include_subdomains, output)?;
    let server = session.server().await?;
    let hosts = list.accept(|host| {
        let refused = job(options, host.clone()).refuse_own(&server);
        refused.err().map(|refused| refused.to_string())
    })?;
    if options.submit.dry_run {
        list.show(output);
    }
    let (hosts, comments): (Vec<_>, Vec<_>) = hosts.into_iter().unzip();
    let jobs: Vec<_> = hosts.into_iter().map(|host| job(options, host)).collect();
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

fn job(options: &Instance, host: Host) -> PurgeInstance {
    PurgeInstance::new(host, options.include_subdomains, options.keep.into())
}

fn done_line(host: &Host) -> Vec<String> {
    vec![format!("Purged {host}.")]
}
