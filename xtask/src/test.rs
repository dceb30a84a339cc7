//! `cargo xtask test`: private servers, then all tests.

use std::fs;
use std::path::Path;
use std::process::{ExitCode, Stdio};

use anyhow::{Context as _, Result};
use testkit::{Postgres, Redis};
use tokio::process::Command;

use crate::chaos;
use crate::console::say;
use crate::program::{FAILPOINTS, cargo, exit_code, run as run_program, spelled};
use crate::provision;

const POSTGRES_URL: &str = "OSTRAKON_TEST_POSTGRES_URL";
const REDIS_URL: &str = "OSTRAKON_TEST_REDIS_URL";

/// Library packages, the only ones that can have doc tests.
const LIBRARIES: [&str; 5] =
    ["crates/engine", "crates/queue", "crates/server", "jobs", "tests/kit"];

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
    if nextest && has_doc_tests()? {
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
    chaos::run(&chaos::Options::short()).await
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

/// Whether a library has an example to compile: running rustdoc without any costs seconds.
fn has_doc_tests() -> Result<bool> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the workspace is away")?;
    for library in LIBRARIES {
        if contains_example(&root.join(library).join("src"))? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn contains_example(folder: &Path) -> Result<bool> {
    for entry in
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?
    {
        let path = entry?.path();
        let found = if path.is_dir() {
            contains_example(&path)?
        } else {
            path.extension().is_some_and(|extension| extension == "rs")
                && begins_example(&fs::read_to_string(&path)?)
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a doc comment opens a code block that is not marked as another language than Rust.
fn begins_example(source: &str) -> bool {
    source.lines().map(str::trim_start).any(|line| {
        let comment = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"));
        comment.is_some_and(|text| {
            matches!(text.trim(), "```" | "```rust" | "```no_run" | "```should_panic")
        })
    })
}
