//! Command line: definition of the commands and their dispatch.

mod actions;
mod config;
mod display;
mod follow;
mod guard;
mod hosts_file;
mod inline;
mod maintenance;
mod meanwhile;
mod metrics;
mod migrate;
mod mistyped;
mod output;
mod place;
mod plan;
mod prune;
mod purge;
mod repair;
mod runs;
mod select;
mod submit;
mod submit_many;
mod user;
mod work;

use std::{
    io::{self, IsTerminal as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use tokio::runtime::{Builder, Runtime};

use crate::failure::Failure;
pub(crate) use output::{LogStream, Output};
#[cfg(any(test, fuzzing))]
pub(crate) use select::check_name_file;

use guard::GuardOptions;
use hosts_file::HostsFileOptions;

use crate::{
    session::Session,
    settings::{Loaded, Overrides, Settings},
    telemetry::{self, Color},
};

/// Background jobs for administrators and moderators of Pleroma and Akkoma servers.
#[derive(Debug, Parser)]
#[command(name = "ostrakon", version, propagate_version = true, infer_long_args = false)]
#[command(after_help = "Exit codes: 0 done · 1 failed · 2 usage · 3 no such account or run · \
    4 refused or declined · 5 already queued · 6 finished with parked items · 7 wait timed out · \
    8 PostgreSQL or Redis not reachable · 130 interrupted")]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options that every command takes.
#[derive(Debug, clap::Args)]
struct Global {
    /// Config file instead of /etc/ostrakon/ostrakon.toml.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address of the server, such as <https://social.example>; found in the database otherwise.
    #[arg(long, global = true, value_name = "URL")]
    instance_url: Option<String>,
    /// Print one JSON object per line instead of text.
    #[arg(long, global = true)]
    json: bool,
    /// Print results and errors only.
    #[arg(long, short, global = true)]
    quiet: bool,
    /// Log more: -v for debug, -vv for trace.
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// When to use colours.
    #[arg(long, global = true, value_enum, default_value_t)]
    color: Color,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What `pleroma_ctl user` and `mix pleroma.user` do.
    #[command(subcommand)]
    User(Box<user::Command>),
    /// Find accounts by what they have in common.
    Select(Box<select::Options>),
    /// Correct what has become wrong in the server's database.
    #[command(subcommand)]
    Repair(repair::Command),
    /// Delete old content of other servers, and what is left of it.
    #[command(subcommand)]
    Prune(prune::Command),
    /// Remove from this database what comes from other servers, and tell nobody.
    #[command(subcommand)]
    Purge(purge::Command),
    /// Run jobs until stopped.
    Worker(work::Options),
    /// Show runs and control them.
    #[command(subcommand, alias = "jobs")]
    Runs(runs::Command),
    /// List changes made without a run: what, by whom and why.
    Actions(actions::Options),
    /// Print metrics of all runs in the Prometheus text format.
    Metrics,
    /// Create or update ostrakon's own tables (schema `ostrakon`); never touches the server's.
    Migrate(migrate::Options),
    /// Show the settings.
    #[command(subcommand)]
    Config(config::Command),
}

impl Command {
    /// What the user must know if the output was lost.
    fn what_stays(&self) -> &'static str {
        use runs::Command as Runs;
        use user::Command as User;
        match self {
            Self::Actions(_)
            | Self::Metrics
            | Self::Config(_)
            | Self::Runs(Runs::List(_) | Runs::Show(_) | Runs::Watch(_)) => "Nothing was changed.",
            Self::User(command)
                if matches!(
                    **command,
                    User::List(_) | User::Show(_) | User::Invites | User::ConvertId(_)
                ) =>
            {
                "Nothing was changed."
            }
            Self::Select(options) if options.only_reads() => "Nothing was changed.",
            _ => "What was done stays done; see: ostrakon actions, ostrakon runs list",
        }
    }
}

/// Runs the process.
pub(crate) fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return mistyped::report(&error),
    };
    let output = Output {
        json: cli.global.json,
        quiet: cli.global.quiet,
        color: cli.global.color.enabled(std::io::stderr().is_terminal()),
    };
    let what_stays = cli.command.what_stays();
    let done = match runtime(&cli.command) {
        Ok(runtime) => runtime.block_on(run(cli, output)),
        Err(error) => Err(Failure::Failed(format!(
            "no async runtime can be started ({error}); nothing was done"
        ))),
    };
    match done.and_then(|()| Output::finish(what_stays)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            match &failure {
                Failure::NotFound(line) => Output::attention(line),
                other => output.error(other.to_string()),
            }
            failure.exit_code()
        }
    }
}

/// Tokio runtime for the command. Only a worker does several things simultaneously. With a single
/// thread, each answer from PostgreSQL is read a little sooner, because no other thread has to be
/// woken.
fn runtime(command: &Command) -> io::Result<Runtime> {
    let mut builder = match command {
        Command::Worker(_) => Builder::new_multi_thread(),
        _ => Builder::new_current_thread(),
    };
    builder.enable_all().build()
}

async fn run(cli: Cli, output: Output) -> Result<(), Failure> {
    let loaded = Settings::load(&overrides(&cli))?;
    for warning in &loaded.warnings {
        output.warning(warning);
    }
    start_log(&cli, &loaded)?;
    match cli.command {
        Command::User(command) => user::run(*command, loaded.settings, output).await,
        Command::Runs(command) => {
            runs::run(command, Session::connect(loaded.settings).await?, output).await
        }
        Command::Select(options) => select::run(&options, loaded.settings, output).await,
        Command::Repair(command) => {
            repair::run(command, &Session::connect(loaded.settings).await?, output).await
        }
        Command::Prune(command) => {
            prune::run(command, &Session::connect(loaded.settings).await?, output).await
        }
        Command::Purge(command) => {
            purge::run(command, &Session::connect(loaded.settings).await?, output).await
        }
        Command::Actions(options) => {
            actions::run(&options, Session::connect(loaded.settings).await?, output).await
        }
        Command::Metrics => metrics::run(Session::connect(loaded.settings).await?, output).await,
        Command::Worker(options) => work::run(options, loaded.settings).await,
        Command::Migrate(options) => {
            migrate::run(&options, Session::connect(loaded.settings).await?, output).await
        }
        Command::Config(command) => {
            config::run(&command, loaded, output).await;
            Ok(())
        }
    }
}

fn overrides(cli: &Cli) -> Overrides {
    let worker = match &cli.command {
        Command::Worker(options) => Some(options),
        _ => None,
    };
    let level = match cli.global.verbose {
        0 => cli.global.quiet.then_some("error"),
        1 => Some("debug"),
        _ => Some("trace"),
    };
    Overrides {
        config: cli.global.config.clone(),
        instance_url: cli.global.instance_url.clone(),
        worker_concurrency: worker.and_then(|options| options.concurrency),
        worker_short_concurrency: worker.and_then(|options| options.short_concurrency),
        log_level: level.map(str::to_owned),
        log_format: None,
    }
}

fn start_log(cli: &Cli, loaded: &Loaded) -> Result<(), Failure> {
    let log = match cli.command {
        Command::Worker(_) => loaded.settings.log.clone(),
        _ => loaded.command_log(),
    };
    telemetry::init(&log, cli.global.color)
        .map_err(|error| Failure::Usage(format!("the log cannot be set up: {error:#}")))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Cli;

    #[test]
    fn the_grammar_is_consistent() {
        Cli::command().debug_assert();
    }
}
