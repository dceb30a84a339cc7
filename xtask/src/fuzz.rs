//! `cargo xtask fuzz`: feeds made-up bytes to everything that reads the texts of strangers.
//!
//! On the stable toolchain: libFuzzer with its coverage, without a sanitizer, for which the code
//! with no `unsafe` has no use. A crash is a panic, a hang or too much memory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use tokio::process::Command;

use crate::console::say;
use crate::program::{cargo, run as run_program};

/// The release of cargo-fuzz that is installed when there is none.
const CARGO_FUZZ: &str = "0.13.2";

/// Longest input, in bytes: the longest seed and some more.
const MAX_LEN: u32 = 32 * 1024;

/// Most memory of a fuzzing process, in MiB: what a worker may use.
const RSS_LIMIT_MB: u32 = 64;

/// Longest time for one input, in seconds.
const TIMEOUT_S: u32 = 5;

/// What can be typed.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How long each target is fed.
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) seconds: u32,
    /// Targets, which are files in `fuzz/fuzz_targets`; all when none is named.
    #[arg(value_name = "TARGET")]
    pub(crate) targets: Vec<String>,
}

/// Runs the targets one after the other; fails when any finds something.
pub(crate) async fn run(options: &Options) -> Result<ExitCode> {
    let fuzzer = Fuzzer::find().await?;
    let known = fuzzer.targets()?;
    let unknown = options.targets.iter().find(|name| !known.contains(name));
    if let Some(name) = unknown {
        bail!("there is no target {name}; there are: {}", known.join(", "));
    }
    let targets = if options.targets.is_empty() { &known } else { &options.targets };
    let programs = fuzzer.build().await?;
    let mut failed = Vec::new();
    for target in targets {
        let program = programs.join(target);
        if !fuzzer.feed(&program, target, options.seconds).await? {
            failed.push(fuzzer.again(&program, target)?);
        }
    }
    if failed.is_empty() {
        say(format!("xtask: {} s each, nothing found: {}", options.seconds, targets.join(", ")));
        return Ok(ExitCode::SUCCESS);
    }
    for again in &failed {
        say(format!("xtask: something was found; see it again with\n  {again}"));
    }
    Ok(ExitCode::FAILURE)
}

/// cargo-fuzz, and where its files are.
struct Fuzzer {
    root: PathBuf,
    /// Where a cargo-fuzz of our own is, for the search path.
    tools: PathBuf,
}

impl Fuzzer {
    /// Looks for cargo-fuzz, and installs it into the target folder when it is missing.
    async fn find() -> Result<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = manifest.parent().context("the workspace is away")?.to_owned();
        let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
        let tools = root.join(target.unwrap_or_else(|| "target".into())).join("tools");
        let fuzzer = Self { root, tools };
        let mut asked = fuzzer.cargo_fuzz()?;
        asked.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
        if run_program(&mut asked).await?.success() {
            return Ok(fuzzer);
        }
        say("xtask: installing cargo-fuzz into the target folder");
        let mut install = cargo();
        install
            .args(["install", "cargo-fuzz", "--locked", "--version", CARGO_FUZZ, "--root"])
            .arg(&fuzzer.tools)
            .env("CARGO_TARGET_DIR", fuzzer.tools.join("build"))
            // A tool needs no optimisation: this halves its build.
            .envs([("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"), ("CARGO_PROFILE_RELEASE_LTO", "off")]);
        ensure!(run_program(&mut install).await?.success(), "cargo-fuzz cannot be installed");
        Ok(fuzzer)
    }

    fn cargo_fuzz(&self) -> Result<Command> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let own = [self.tools.join("bin")];
        let paths = std::env::join_paths(own.into_iter().chain(std::env::split_paths(&path)))?;
        let mut command = cargo();
        command.arg("fuzz").env("PATH", paths).current_dir(&self.root);
        Ok(command)
    }

    fn targets(&self) -> Result<Vec<String>> {
        names(&self.root.join("fuzz/fuzz_targets"))
    }

    /// Builds the targets; gives the folder of their programs.
    async fn build(&self) -> Result<PathBuf> {
        let mut command = self.cargo_fuzz()?;
        command.args(["build", "--sanitizer", "none", "--target-dir", "target/fuzz"]);
        let status = run_program(&mut command).await?;
        ensure!(status.success(), "the targets do not build; libFuzzer needs a C++ compiler");
        let said = Command::new("rustc").arg("-vV").output().await?;
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        let host = said.lines().find_map(|line| line.strip_prefix("host: "));
        let host = host.context("rustc does not say for which machine it compiles")?;
        Ok(self.root.join("target/fuzz").join(host).join("release"))
    }

    /// Feeds a target; says whether it digested everything.
    ///
    /// Not through cargo-fuzz: a process begins with its parent's highest use of memory, and
    /// would be over the limit at once.
    async fn feed(&self, program: &Path, target: &str, seconds: u32) -> Result<bool> {
        say(format!("xtask: feeding {target} for {seconds} s"));
        let fuzz = self.root.join("fuzz");
        let (corpus, artifacts) = (fuzz.join("corpus").join(target), fuzz.join("artifacts"));
        let artifacts = artifacts.join(target);
        fs::create_dir_all(&corpus)?;
        fs::create_dir_all(&artifacts)?;
        let mut command = Command::new(program);
        // What is found to be new goes into the first folder.
        command.arg(corpus).arg(fuzz.join("seeds").join(target)).args([
            &format!("-artifact_prefix={}/", artifacts.display()),
            &format!("-max_total_time={seconds}"),
            &format!("-max_len={MAX_LEN}"),
            &format!("-rss_limit_mb={RSS_LIMIT_MB}"),
            &format!("-timeout={TIMEOUT_S}"),
            &"-print_final_stats=1".to_owned(),
        ]);
        Ok(run_program(&mut command).await?.success())
    }

    /// The command that gives a target what it failed at last.
    fn again(&self, program: &Path, target: &str) -> Result<String> {
        let folder = self.root.join("fuzz/artifacts").join(target);
        let newest =
            |name: &String| fs::metadata(folder.join(name)).and_then(|m| m.modified()).ok();
        let last = names_with_ends(&folder)?.into_iter().max_by_key(newest);
        let input = last.map(|name| folder.join(name).display().to_string());
        Ok(format!("{} {}", program.display(), input.unwrap_or_default()))
    }
}

/// The names of a folder's files without what is behind their dots, sorted.
fn names(folder: &Path) -> Result<Vec<String>> {
    let mut names: Vec<String> = names_with_ends(folder)?
        .iter()
        .filter_map(|name| name.split('.').next().map(str::to_owned))
        .collect();
    names.sort();
    Ok(names)
}

fn names_with_ends(folder: &Path) -> Result<Vec<String>> {
    let list = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    list.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}
