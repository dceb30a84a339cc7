//! Random histories of runs against a small model: more of them than in the test command.

use std::process::ExitCode;

use anyhow::{Result, ensure};

use crate::console::{say, show, thousands};
use crate::program::run as run_program;
use crate::test;

/// Histories per call: as many as finish before a test counts as stuck.
const AT_ONCE: u32 = 20_000;

/// Runs `cases` histories; a failure prints the seed and the shortest failing history.
pub(super) async fn run(cases: u32) -> Result<ExitCode> {
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
        say(format!("chaos: {} of {} histories", thousands(done.into()), thousands(cases.into())));
    }
    show(format!("{} histories: the ledger is what the model says.", thousands(done.into())));
    Ok(ExitCode::SUCCESS)
}
