//! The project's own commands: `cargo xtask test | demo | bench | chaos | fuzz | provision`.

mod bench;
mod chaos;
mod console;
mod demo;
mod fuzz;
mod ostrakon;
mod program;
mod provision;
mod stage;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use console::say;

/// The project's own commands.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Install what the tests need, start private servers, run all tests.
    Test(test::Options),
    /// Show the main jobs at work on a small community, and check what they did.
    Demo(demo::Options),
    /// Measure ostrakon beside a bare set-based procedure with the same end state.
    #[command(subcommand)]
    Bench(bench::Options),
    /// Have everything go wrong while ostrakon works, and judge what becomes of the work.
    Chaos(chaos::Options),
    /// Feed made-up bytes to everything that reads the texts of strangers.
    Fuzz(fuzz::Options),
    /// Install what the tests need through the system's package manager, as far as it is missing.
    Provision,
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Test(options) => test::run(&options).await,
        Command::Demo(options) => demo::run(&options).await,
        Command::Bench(options) => bench::run(&options).await,
        Command::Chaos(options) => chaos::run(&options).await,
        Command::Fuzz(options) => fuzz::run(&options).await,
        Command::Provision => provision::run().map(|()| ExitCode::SUCCESS),
    };
    done.unwrap_or_else(|error| {
        say(format!("error: {error:#}"));
        ExitCode::FAILURE
    })
}
