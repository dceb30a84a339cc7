//! `ostrakon prune objects`

use std::time::Duration;

use chrono::{DateTime, SubsecRound as _, Utc};
use clap::ValueEnum;
use ostrakon_jobs::{PruneObjects, prune_objects};

use crate::{
    cli::{Output, submit},
    failure::Failure,
    session::Session,
};

/// Minimum age: what is younger is still in conversations and timelines.
const YOUNGEST: Duration = Duration::from_hours(24);

/// What can be typed after `prune objects`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: ostrakon prune objects --older-than 180d --keep-threads --dry-run"
)]
pub(in crate::cli) struct Options {
    /// Delete what was last changed longer ago than this; at least 1d.
    #[arg(long, value_name = "DURATION", default_value = "90d", value_parser = age)]
    older_than: Duration,
    /// Delete threads as a whole: those in which nothing is newer, and nobody here took part or
    /// bookmarked anything.
    #[arg(long)]
    keep_threads: bool,
    /// Keep what is not public.
    #[arg(long)]
    keep_non_public: bool,
    /// Keep posts of accounts that somebody here follows, or with --keep-threads the threads in which
    /// they posted or boosted (posts), or did anything (full).
    #[arg(long, value_name = "WHAT", value_enum, default_value_t)]
    keep_followed: KeepFollowed,
    /// Delete pinned posts too. Pleroma's task always does.
    #[arg(long)]
    prune_pinned: bool,
    /// Delete orphaned activities too, as `prune activities` does.
    #[arg(long)]
    prune_orphaned_activities: bool,
    /// Count the replies of posts again afterwards. Akkoma's task does, unless --no-fix-replies-count.
    #[arg(long, conflicts_with = "no_fix_replies_count")]
    fix_replies_count: bool,
    /// Do not count the replies of posts again.
    #[arg(long)]
    no_fix_replies_count: bool,
    /// Maximum number of objects to delete, with --keep-threads of threads; and of orphaned
    /// activities of each kind.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    limit: Option<i64>,
    /// The original's; refused.
    #[arg(long, hide = true)]
    vacuum: bool,
    #[command(flatten)]
    submit: submit::RunOptions,
}

/// What stays of accounts that somebody here follows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum KeepFollowed {
    /// Nothing.
    #[default]
    None,
    /// Their posts; with --keep-threads the threads in which they posted or boosted.
    Posts,
    /// The threads in which they did anything; needs --keep-threads.
    Full,
}

impl From<KeepFollowed> for prune_objects::KeepFollowed {
    fn from(keep: KeepFollowed) -> Self {
        match keep {
            KeepFollowed::None => Self::None,
            KeepFollowed::Posts => Self::Posts,
            KeepFollowed::Full => Self::Full,
        }
    }
}

/// Parses an age that is not too short to be meant.
fn age(text: &str) -> Result<Duration, String> {
    let age = humantime::parse_duration(text)
        .map_err(|error| format!("{error}; an age looks like 90d, 12w or 1y"))?;
    if age < YOUNGEST {
        return Err(
            "younger than a day is too young: people are still reading and answering these posts"
                .to_owned(),
        );
    }
    deadline(age).map(|_| age).ok_or_else(|| "that is before all posts".to_owned())
}

/// The moment so long ago, to the second.
fn deadline(age: Duration) -> Option<DateTime<Utc>> {
    let age = chrono::Duration::from_std(age).ok()?;
    let deadline = Utc::now().checked_sub_signed(age)?.trunc_subsecs(0);
    // Before 1970 no post was written, and no database writes all years.
    (deadline.timestamp() > 0).then_some(deadline)
}

/// Requests the job.
pub(super) async fn run(
    options: &Options,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    if options.vacuum {
        return Err(Failure::Usage(
            "--vacuum: ostrakon never runs VACUUM FULL, which locks out the server and needs as much \
             free disk again. The space is reused for new posts after autovacuum.\nNothing was done."
                .to_owned(),
        ));
    }
    if options.keep_followed == KeepFollowed::Full && !options.keep_threads {
        return Err(Failure::Usage(
            "--keep-followed full needs --keep-threads: without threads there are only posts to \
             keep (--keep-followed posts)\nNothing was done."
                .to_owned(),
        ));
    }
    let before = deadline(options.older_than)
        .ok_or_else(|| Failure::Usage("--older-than: that is before all posts".to_owned()))?;
    let server = session.server().await?;
    let fixes = server.dialect.counts_replies || options.fix_replies_count;
    let job = PruneObjects::new(
        before,
        prune_objects::Options {
            keep_threads: options.keep_threads,
            keep_non_public: options.keep_non_public,
            keep_followed: options.keep_followed.into(),
            keep_pinned: server.dialect.keeps_pinned && !options.prune_pinned,
            prune_orphaned_activities: options.prune_orphaned_activities,
            fix_replies_count: fixes && !options.no_fix_replies_count,
            limit: options.limit,
        },
    );
    let done = vec![format!("Deleted {}.", job.subject)];
    let request = submit::Request { job: job.into(), options: &options.submit, done };
    submit::submit(session, server, request, output).await
}
