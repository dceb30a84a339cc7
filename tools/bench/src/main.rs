//! `cargo xtask bench`: how fast ostrakon is compared with what is possible, and whether it keeps
//! its bounds (docs/performance.md).

mod accounts;
mod commands;
mod compare;
mod enqueue;
mod env;
mod figures;
mod footprint;
mod kind;
mod live;
mod measure;
mod overhead;
mod prune;
mod record;
mod removal;
mod state;
mod two;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, bail};
use clap::Parser;
use testkit::{
    console::{say, show},
    process::interrupted,
};

use env::{BenchEnv, Common};

/// Measure ostrakon against a bare set-based procedure with the same end state.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
struct Cli {
    #[command(subcommand)]
    options: Options,
}

/// What is measured.
#[derive(Debug, clap::Subcommand)]
#[command(rename_all = "snake_case")]
enum Options {
    /// Delete everything of an account, compared with a bare set-based procedure.
    DeleteActivities {
        /// Posts of the account; other accounts have half as many activities about them. Up to four
        /// sizes, separated by commas.
        #[arg(long, value_name = "N", default_value = "10000,100000", value_delimiter = ',', num_args = 1..=4,
              value_parser = clap::value_parser!(i32).range(1_000..=2_000_000))]
        posts: Vec<i32>,
        #[command(flatten)]
        common: Common,
    },
    /// Deactivate all accounts of a host, compared with a bare set-based procedure.
    DeactivateInstance {
        /// Accounts of the host, each with three follow relations or more.
        #[arg(long, value_name = "N", default_value_t = 10_000,
              value_parser = clap::value_parser!(i32).range(100..=500_000))]
        accounts: i32,
        #[command(flatten)]
        common: Common,
    },
    /// Remove an account, compared with deleting everything of it.
    DeleteUser {
        /// Posts of the account.
        #[arg(long, value_name = "N", default_value_t = 20_000,
              value_parser = clap::value_parser!(i32).range(1_000..=2_000_000))]
        posts: i32,
        #[command(flatten)]
        common: Common,
    },
    /// Delete old objects, compared with one DELETE.
    PruneObjects {
        /// Old objects, besides those of the community.
        #[arg(long, value_name = "N", default_value_t = 200_000,
              value_parser = clap::value_parser!(i32).range(1_000..=5_000_000))]
        objects: i32,
        #[command(flatten)]
        common: Common,
    },
    /// Confirm all accounts of the server.
    ConfirmAll {
        /// Accounts of the server; other servers have as many.
        #[arg(long, value_name = "N", default_value_t = 100_000,
              value_parser = clap::value_parser!(i32).range(1_000..=2_000_000))]
        users: i32,
        #[command(flatten)]
        common: Common,
    },
    /// List all accounts of the server: memory.
    List {
        /// Accounts of the server; the memory is compared with that for 10,000 or a tenth.
        #[arg(long, value_name = "N", default_value_t = 1_000_000,
              value_parser = clap::value_parser!(i32).range(1_000..=5_000_000))]
        users: i32,
        #[command(flatten)]
        common: Common,
    },
    /// The same job inline, and through Redis and a worker; the loop with nothing to do.
    Overhead {
        /// Posts of the account.
        #[arg(long, value_name = "N", default_value_t = 100_000,
              value_parser = clap::value_parser!(i32).range(1_000..=2_000_000))]
        posts: i32,
        #[command(flatten)]
        common: Common,
    },
    /// Queue many runs, and work with a ledger full of them.
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
    /// Memory of a worker, and start time of the program.
    Footprint {
        /// Posts of the account that the worker deletes.
        #[arg(long, value_name = "N", default_value_t = 100_000,
              value_parser = clap::value_parser!(i32).range(1_000..=2_000_000))]
        posts: i32,
        #[command(flatten)]
        common: Common,
    },
    /// Two accounts simultaneously, and one after the other.
    Two {
        /// Posts of each account.
        #[arg(long, value_name = "N", default_value_t = 20_000,
              value_parser = clap::value_parser!(i32).range(1_000..=1_000_000))]
        posts: i32,
        #[command(flatten)]
        common: Common,
    },
    /// Commands without a run.
    Commands {
        #[command(flatten)]
        common: Common,
    },
    /// Effect on a running server while an account's posts are deleted.
    Live(live::Options),
    /// All benches except `live`, one after the other.
    All {
        /// Use tiny sizes, which take some minutes and only show that the benches work.
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

/// Sizes of all benches.
struct Sizes {
    posts: Vec<i32>,
    spam_accounts: i32,
    removed_posts: i32,
    old_objects: i32,
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
            old_objects: 2_000,
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
            old_objects: 200_000,
            users: 100_000,
            listed: 1_000_000,
            run_posts: 100_000,
            hosts: 10_000,
            runs: 1_000_000,
            two_posts: 20_000,
        }
    }
}

/// Measures, shows tables and bounds; fails if a bound is broken.
#[tokio::main]
async fn main() -> ExitCode {
    let done = run(&Cli::parse().options).await;
    done.map_or_else(
        |error| {
            say(format!("error: {error:#}"));
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

async fn run(options: &Options) -> Result<()> {
    tokio::select! {
        done = measure_and_judge(options) => done,
        end = interrupted() => bail!("{}; the servers were stopped and removed", end?),
    }
}

async fn measure_and_judge(options: &Options) -> Result<()> {
    let begun = Instant::now();
    let mut env = BenchEnv::prepare(options.common()).await?;
    let env = &mut env;
    match options {
        Options::DeleteActivities { posts, .. } => compare::delete_activities(env, posts).await,
        Options::DeactivateInstance { accounts, .. } => {
            compare::deactivate_instance(env, *accounts).await
        }
        Options::DeleteUser { posts, .. } => removal::run(env, *posts).await,
        Options::PruneObjects { objects, .. } => prune::run(env, *objects).await,
        Options::ConfirmAll { users, .. } => accounts::confirm_all(env, *users).await,
        Options::List { users, .. } => accounts::list(env, *users).await,
        Options::Overhead { posts, .. } => overhead::run(env, *posts).await,
        Options::Enqueue { hosts, runs, .. } => enqueue::run(env, *hosts, *runs).await,
        Options::Footprint { posts, .. } => footprint::run(env, *posts).await,
        Options::Two { posts, .. } => two::run(env, *posts).await,
        Options::Commands { .. } => commands::run(env).await,
        Options::Live(options) => live::run(env, options).await,
        Options::All { quick: true, .. } => {
            env.judge.lenient = true;
            env.rounds = env.rounds.min(2);
            all(env, &Sizes::quick()).await
        }
        Options::All { largest, .. } => all(env, &Sizes::full(*largest)).await,
    }?;
    say(format!("xtask: measured in {:.0} s", begun.elapsed().as_secs_f64()));
    env.judge.conclude()
}

/// Runs all benches; the largest last, because it takes longest.
async fn all(env: &mut BenchEnv, sizes: &Sizes) -> Result<()> {
    let heading = |name: &str| {
        show("");
        show(format!("== {name}"));
    };
    heading("commands");
    commands::run(env).await?;
    heading("confirm_all");
    accounts::confirm_all(env, sizes.users).await?;
    heading("list");
    accounts::list(env, sizes.listed).await?;
    heading("delete_user");
    removal::run(env, sizes.removed_posts).await?;
    heading("prune_objects");
    prune::run(env, sizes.old_objects).await?;
    heading("two");
    two::run(env, sizes.two_posts).await?;
    heading("overhead");
    overhead::run(env, sizes.run_posts).await?;
    heading("footprint");
    footprint::run(env, sizes.run_posts).await?;
    heading("enqueue");
    enqueue::run(env, sizes.hosts, sizes.runs).await?;
    heading("deactivate_instance");
    compare::deactivate_instance(env, sizes.spam_accounts).await?;
    heading("delete_activities");
    compare::delete_activities(env, &sizes.posts).await
}

impl Options {
    const fn common(&self) -> &Common {
        match self {
            Self::DeleteActivities { common, .. }
            | Self::DeactivateInstance { common, .. }
            | Self::DeleteUser { common, .. }
            | Self::PruneObjects { common, .. }
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
