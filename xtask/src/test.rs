//! `cargo xtask test`: private servers, then all tests.

use std::process::{ExitCode, Stdio};

use anyhow::Result;
use testkit::{
    Postgres, Redis,
    console::say,
    process::{FAILPOINTS, cargo, exit_code, run as run_program, spelled},
};
use tokio::process::Command;

use crate::{provision, tool, tool::Tool};

const POSTGRES_URL: &str = "OSTRAKON_TEST_POSTGRES_URL";
const REDIS_URL: &str = "OSTRAKON_TEST_REDIS_URL";

/// Options of `cargo xtask test`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Run only tests whose names contain one of these; arguments that begin with `-` go to the
    /// test runner.
    #[arg(value_name = "FILTER", trailing_var_arg = true, allow_hyphen_values = true)]
    filters: Vec<String>,
}

/// Servers of a test run. They end on drop, or when the process ends.
pub(crate) struct Servers {
    postgres: Option<Postgres>,
    redis: Option<Redis>,
}

/// Runs all tests of the workspace, and returns their exit code.
pub(crate) async fn run(options: &Options) -> Result<ExitCode> {
    provision::run()?;
    let servers = Servers::start()?;
    let nextest = has_nextest().await;
    let mut tests = test_command(nextest, &options.filters);
    servers.name_to(&mut tests);
    say(format!("xtask: private PostgreSQL and Redis are up; running `{}`", spelled(&tests)));
    let status = run_program(&mut tests).await?;
    if !status.success() || !options.filters.is_empty() {
        return Ok(exit_code(status));
    }
    // `cargo test` runs them by itself.
    if nextest && has_doc_tests().await? {
        let mut documentation = cargo();
        documentation.args(["test", "--workspace", "--doc"]);
        servers.name_to(&mut documentation);
        say(format!("xtask: running `{}`", spelled(&documentation)));
        let status = run_program(&mut documentation).await?;
        if !status.success() {
            return Ok(exit_code(status));
        }
    }
    drop(servers);
    say("xtask: running a short `cargo xtask chaos`");
    // Every fault at least once.
    tool::run(Tool::Chaos, &["--minutes", "0.5"]).await
}

impl Servers {
    /// Starts the servers that the environment does not name.
    pub(crate) fn start() -> Result<Self> {
        let named = |name: &str| std::env::var_os(name).is_some_and(|url| !url.is_empty());
        let postgres = if named(POSTGRES_URL) { None } else { Some(Postgres::start()?) };
        let redis = if named(REDIS_URL) { None } else { Some(Redis::start()?) };
        Ok(Self { postgres, redis })
    }

    pub(crate) fn name_to(&self, command: &mut Command) {
        if let Some(postgres) = &self.postgres {
            command.env(POSTGRES_URL, postgres.url("postgres"));
        }
        if let Some(redis) = &self.redis {
            command.env(REDIS_URL, redis.url());
        }
    }
}

async fn has_nextest() -> bool {
    let mut asked = cargo();
    asked.args(["nextest", "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    run_program(&mut asked).await.is_ok_and(|status| status.success())
}

/// Returns the command that runs only the tests of the model.
pub(crate) async fn model_command() -> Command {
    test_command(has_nextest().await, &["model::".to_owned()])
}

fn test_command(nextest: bool, filters: &[String]) -> Command {
    let mut command = cargo();
    if nextest {
        command.args(["nextest", "run", "--workspace"]).args(FAILPOINTS);
    } else {
        command.args(["test", "--workspace"]).args(FAILPOINTS).arg("--");
    }
    command.args(filters).env("RUST_BACKTRACE", "0");
    command
}

/// Whether a library has an example to compile, a code block that is not marked as another language
/// than Rust: running rustdoc without any costs seconds.
async fn has_doc_tests() -> Result<bool> {
    let begins = r"^\s*//[/!] ```(rust|no_run|should_panic)?$";
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let mut search = Command::new("grep");
    search
        .args(["-rqE", "--include=*.rs", begins, "crates", "jobs", "tests/kit"])
        .current_dir(root);
    Ok(search.status().await?.success())
}
