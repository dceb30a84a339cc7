//! `cargo xtask model`: random histories of runs against a small model, more of them than in the
//! test command.

use std::process::ExitCode;

use anyhow::{Result, ensure};
use testkit::{
    console::{say, show, thousands},
    process::run as run_program,
};

use crate::{provision, test};

/// Histories per call: as many as finish before a test counts as stuck.
const AT_ONCE: u32 = 20_000;

/// Options of `cargo xtask model`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Number of histories.
    #[arg(value_name = "CASES", default_value_t = 50_000, value_parser = clap::value_parser!(u32).range(1..))]
    cases: u32,
}

/// Runs the histories; a failure prints the seed and the shortest failing history.
pub(crate) async fn run(options: &Options) -> Result<ExitCode> {
    provision::run()?;
    let cases = options.cases;
    let servers = test::Servers::start()?;
    let mut done = 0;
    while done < cases {
        let some = AT_ONCE.min(cases - done);
        let mut command = test::model_command().await;
        servers.name_to(&mut command);
        command.env("OSTRAKON_MODEL_CASES", some.to_string());
        ensure!(
            run_program(&mut command).await?.success(),
            "the ledger is not what the model says"
        );
        done += some;
        say(format!("xtask: {} of {} histories", thousands(done.into()), thousands(cases.into())));
    }
    show(format!("{} histories: the ledger is what the model says.", thousands(done.into())));
    Ok(ExitCode::SUCCESS)
}
