//! `cargo xtask bench`: how fast ostrakon is, beside what would be possible, and whether it keeps its
//! bounds (docs/performance.md).

mod accounts;
mod commands;
mod compare;
mod enqueue;
mod figures;
mod footprint;
mod ground;
mod kind;
mod live;
mod measure;
mod overhead;
mod record;
mod removal;
mod state;
mod two;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::console::{say, show};
use crate::program::interrupted;
use ground::{Common, Ground};

/// What can be typed.
#[derive(Debug, clap::Subcommand)]
#[command(rename_all = "snake_case")]
pub(crate) enum Options {
    /// Deleting everything of an account, beside a bare set-based procedure.
    DeleteActivities {
        /// Posts of the account; there are half as many activities of others about them. Up to four
        /// sizes, with commas between them.
        #[arg(long, value_name = "N", default_value = "10000,100000", value_delimiter = ',', num_args = 1..=4,
              value_parser = clap::value_parser!(i32).range(1_000..=2_000_000))]
        posts: Vec<i32>,
        #[command(flatten)]
        common: Common,
    },
    /// Deactivating all accounts of a host, beside a bare set-based procedure.
    DeactivateInstance {
        /// Accounts of the host, each with three follow relations or more.
        #[arg(long, value_name = "N", default_value_t = 10_000,
              value_parser = clap::value_parser!(i32).range(100..=500_000))]
        accounts: i32,
        #[command(flatten)]
        common: Common,
    },
    /// Removing an account, beside deleting everything of it.
    DeleteUser {
        /// Posts of the account.
        #[arg(long, value_name = "N", default_value_t = 20_000,
              value_parser = clap::value_parser!(i32).range(1_000..=2_000_000))]
        posts: i32,
        #[command(flatten)]
        common: Common,
    },
    /// Confirming all accounts of the server.
    ConfirmAll {
        /// Accounts of the server; there are as many of others.
        #[arg(long, value_name = "N", default_value_t = 100_000,
              value_parser = clap::value_parser!(i32).range(1_000..=2_000_000))]
        users: i32,
        #[command(flatten)]
        common: Common,
    },
    /// Listing all accounts of the server: the memory it takes.
    List {
        /// Accounts of the server; the memory is compared with that for 10,000 or a tenth.
        #[arg(long, value_name = "N", default_value_t = 1_000_000,
              value_parser = clap::value_parser!(i32).range(1_000..=5_000_000))]
        users: i32,
        #[command(flatten)]
        common: Common,
    },
    /// The same job in the command itself and through Redis and a worker; the loop with nothing to do.
    Overhead {
        /// Posts of the account.
        #[arg(long, value_name = "N", default_value_t = 100_000,
              value_parser = clap::value_parser!(i32).range(1_000..=2_000_000))]
        posts: i32,
        #[command(flatten)]
        common: Common,
    },
    /// Queueing many runs, and a ledger that is full of them.
    Enqueue {
        /// Hosts in the file.
        #[arg(long, value_name = "N", default_value_t = 10_000,
              value_parser = clap::value_parser!(i32).range(100..=100_000))]
        hosts: i32,
        /// Queued runs in the full ledger; there are as many finished ones.
        #[arg(long, value_name = "N", default_value_t = 1_000_000,
              value_parser = clap::value_parser!(i64).range(1_000..=5_000_000))]
        runs: i64,
        #[command(flatten)]
        common: Common,
    },
    /// A worker's memory, and how long the program takes to start.
    Footprint {
        /// Posts of the account that the worker deletes.
        #[arg(long, value_name = "N", default_value_t = 100_000,
              value_parser = clap::value_parser!(i32).range(1_000..=2_000_000))]
        posts: i32,
        #[command(flatten)]
        common: Common,
    },
    /// Two accounts at once and one after the other.
    Two {
        /// Posts of each account.
        #[arg(long, value_name = "N", default_value_t = 20_000,
              value_parser = clap::value_parser!(i32).range(1_000..=1_000_000))]
        posts: i32,
        #[command(flatten)]
        common: Common,
    },
    /// The commands that act at once.
    Commands {
        #[command(flatten)]
        common: Common,
    },
    /// What a running server feels while an account's posts are deleted.
    Live(live::Options),
    /// All of them but that, one after the other.
    All {
        /// Sizes so small that it takes some minutes and shows only that the benches work.
        #[arg(long)]
        quick: bool,
        /// Posts of the largest account.
        #[arg(long, value_name = "N", default_value_t = 1_000_000, conflicts_with = "quick",
              value_parser = clap::value_parser!(i32).range(100_000..=2_000_000))]
        largest: i32,
        #[command(flatten)]
        common: Common,
    },
}

/// Sizes of everything.
struct Sizes {
    posts: Vec<i32>,
    spam_accounts: i32,
    removed_posts: i32,
    users: i32,
    listed: i32,
    run_posts: i32,
    hosts: i32,
    runs: i64,
    two_posts: i32,
}

impl Sizes {
    fn quick() -> Self {
        Self {
            posts: vec![1_000, 2_000],
            spam_accounts: 500,
            removed_posts: 1_000,
            users: 2_000,
            listed: 20_000,
            run_posts: 2_000,
            hosts: 200,
            runs: 5_000,
            two_posts: 1_000,
        }
    }

    fn full(largest: i32) -> Self {
        Self {
            posts: vec![10_000, 100_000, largest],
            spam_accounts: 100_000,
            removed_posts: 20_000,
            users: 100_000,
            listed: 1_000_000,
            run_posts: 100_000,
            hosts: 10_000,
            runs: 1_000_000,
            two_posts: 20_000,
        }
    }
}

/// Measures, shows tables and bounds; fails when a bound is broken.
pub(crate) async fn run(options: &Options) -> Result<ExitCode> {
    tokio::select! {
        done = measure_and_judge(options) => done?,
        end = interrupted() => bail!("{}; the servers were stopped and removed", end?),
    }
    Ok(ExitCode::SUCCESS)
}

async fn measure_and_judge(options: &Options) -> Result<()> {
    let begun = Instant::now();
    let mut ground = Ground::prepare(options.common()).await?;
    let ground = &mut ground;
    match options {
        Options::DeleteActivities { posts, .. } => compare::delete_activities(ground, posts).await,
        Options::DeactivateInstance { accounts, .. } => {
            compare::deactivate_instance(ground, *accounts).await
        }
        Options::DeleteUser { posts, .. } => removal::run(ground, *posts).await,
        Options::ConfirmAll { users, .. } => accounts::confirm_all(ground, *users).await,
        Options::List { users, .. } => accounts::list(ground, *users).await,
        Options::Overhead { posts, .. } => overhead::run(ground, *posts).await,
        Options::Enqueue { hosts, runs, .. } => enqueue::run(ground, *hosts, *runs).await,
        Options::Footprint { posts, .. } => footprint::run(ground, *posts).await,
        Options::Two { posts, .. } => two::run(ground, *posts).await,
        Options::Commands { .. } => commands::run(ground).await,
        Options::Live(options) => live::run(ground, options).await,
        Options::All { quick: true, .. } => {
            ground.judge.lenient = true;
            ground.rounds = ground.rounds.min(2);
            all(ground, &Sizes::quick()).await
        }
        Options::All { largest, .. } => all(ground, &Sizes::full(*largest)).await,
    }?;
    say(format!("xtask: measured in {:.0} s", begun.elapsed().as_secs_f64()));
    ground.judge.conclude()
}

/// Measures everything; the largest last, as it takes longest.
async fn all(ground: &mut Ground, sizes: &Sizes) -> Result<()> {
    let heading = |name: &str| {
        show("");
        show(format!("== {name}"));
    };
    heading("commands");
    commands::run(ground).await?;
    heading("confirm_all");
    accounts::confirm_all(ground, sizes.users).await?;
    heading("list");
    accounts::list(ground, sizes.listed).await?;
    heading("delete_user");
    removal::run(ground, sizes.removed_posts).await?;
    heading("two");
    two::run(ground, sizes.two_posts).await?;
    heading("overhead");
    overhead::run(ground, sizes.run_posts).await?;
    heading("footprint");
    footprint::run(ground, sizes.run_posts).await?;
    heading("enqueue");
    enqueue::run(ground, sizes.hosts, sizes.runs).await?;
    heading("deactivate_instance");
    compare::deactivate_instance(ground, sizes.spam_accounts).await?;
    heading("delete_activities");
    compare::delete_activities(ground, &sizes.posts).await
}

impl Options {
    const fn common(&self) -> &Common {
        match self {
            Self::DeleteActivities { common, .. }
            | Self::DeactivateInstance { common, .. }
            | Self::DeleteUser { common, .. }
            | Self::ConfirmAll { common, .. }
            | Self::List { common, .. }
            | Self::Overhead { common, .. }
            | Self::Enqueue { common, .. }
            | Self::Footprint { common, .. }
            | Self::Two { common, .. }
            | Self::Commands { common }
            | Self::All { common, .. } => common,
            Self::Live(options) => &options.common,
        }
    }
}
