//! Recorded transitions of the real programs, in tests/golden.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::compare::{Difference, compare};
use crate::database::Database;
use crate::flavour::Flavour;
use crate::state::State;

/// Text before the product's arguments in a recorded command.
const PROGRAM: &str = "mix pleroma.user ";

/// One recorded run of the original: the rows before, the command, its output, the rows after.
#[derive(Debug, Clone)]
pub struct Transition {
    /// Recorded program.
    pub flavour: Flavour,
    /// Name of the scenario, e.g. `da_replies`.
    pub name: String,
    /// Switches of the recording server, e.g. `LAB_CLEANUP` = `1`; see the recordings' README.
    pub config: BTreeMap<String, String>,
    /// Rows before the first command.
    pub before: State,
    /// Commands, at least one, each with the rows after it.
    pub steps: Vec<Step>,
    /// Rows after the server had also performed its own jobs, if that was recorded.
    pub after_jobs: Option<State>,
}

/// One command of a transition.
#[derive(Debug, Clone, Deserialize)]
pub struct Step {
    /// Arguments after `user`, e.g. `["delete_activities", "alice"]`.
    #[serde(rename = "argv")]
    pub arguments: Vec<String>,
    /// Standard input of the command.
    #[serde(default)]
    pub stdin: String,
    /// Standard output of the command.
    pub stdout: String,
    /// Standard error of the command.
    pub stderr: String,
    /// Exit code of the original: 0 also for errors that it handled.
    pub exit_code: i32,
    /// Rows after the command.
    pub after: State,
}

/// A recording in its file format.
#[derive(Deserialize)]
struct Recording {
    scenario: String,
    command: String,
    stdout: String,
    stderr: String,
    exit_code: i32,
    stdin: Option<String>,
    #[serde(default)]
    config: BTreeMap<String, String>,
    before: State,
    after: State,
    after_jobs: Option<State>,
    #[serde(default)]
    steps: Vec<Step>,
}

impl Transition {
    /// Reads one recording of a flavour by its name.
    pub fn load(flavour: Flavour, name: &str) -> Result<Self> {
        Self::read(flavour, &folder(flavour).join(format!("{name}.json")))
    }

    /// Reads all recordings of a flavour whose names begin with a prefix, sorted by name. Fails if
    /// there is none, so that a test over them cannot pass by doing nothing.
    pub fn all(flavour: Flavour, prefix: &str) -> Result<Vec<Self>> {
        let folder = folder(flavour);
        let mut files: Vec<PathBuf> = fs::read_dir(&folder)
            .with_context(|| format!("cannot list {}", folder.display()))?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<_>>()?;
        files.retain(|file| {
            file.extension().is_some_and(|extension| extension == "json")
                && file.file_stem().is_some_and(|n| n.to_string_lossy().starts_with(prefix))
        });
        files.sort();
        if files.is_empty() {
            bail!("{} has no recording {prefix}*", folder.display());
        }
        files.iter().map(|file| Self::read(flavour, file)).collect()
    }

    /// Reads a recording from another file.
    pub fn read(flavour: Flavour, file: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let recording: Recording = serde_json::from_str(&text)
            .with_context(|| format!("{} is not a recording", file.display()))?;
        let Recording { scenario: name, config, before, after_jobs, mut steps, .. } = recording;
        if steps.is_empty() {
            let arguments = recording.command.strip_prefix(PROGRAM).unwrap_or_default();
            steps.push(Step {
                arguments: words(arguments),
                stdin: recording.stdin.unwrap_or_default(),
                stdout: recording.stdout,
                stderr: recording.stderr,
                exit_code: recording.exit_code,
                after: recording.after,
            });
        }
        Ok(Self { flavour, name, config, before, steps, after_jobs })
    }

    /// Returns the arguments of the first command, e.g. `["delete_activities", "alice"]`.
    pub fn arguments(&self) -> &[String] {
        self.steps.first().map_or(&[], |step| step.arguments.as_slice())
    }

    /// Returns the standard output of the first command.
    pub fn stdout(&self) -> &str {
        self.steps.first().map_or("", |step| step.stdout.as_str())
    }

    /// Returns the original's exit code of the first command.
    pub fn exit_code(&self) -> i32 {
        self.steps.first().map_or(0, |step| step.exit_code)
    }

    /// Whether a switch of the recording server was on, e.g. `LAB_NOFED`.
    pub fn switch(&self, name: &str) -> bool {
        self.config.get(name).is_some_and(|value| value == "1")
    }

    /// Returns the rows after the last command.
    pub fn after(&self) -> &State {
        self.steps.last().map_or(&self.before, |step| &step.after)
    }

    /// Writes the rows before the first command into an empty database of the flavour.
    pub async fn load_before(&self, database: &Database) -> Result<()> {
        self.before
            .load(&database.pool())
            .await
            .with_context(|| format!("cannot load {} of {}", self.name, self.flavour))
    }

    /// Compares rows with those after the last command.
    pub fn compare(&self, actual: &State) -> Vec<Difference> {
        compare(&self.before, self.after(), actual)
    }
}

/// Splits a recorded command line, which has no quotes. The text of `--name` and `--bio` extends to
/// the next option. Two adjacent spaces, or a space at the end of the line, mean an empty word.
fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut text = false;
    for word in line.split(' ') {
        let option = word.starts_with("--");
        match words.last_mut() {
            Some(last) if text && !option && !last.starts_with("--") => {
                last.push(' ');
                last.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
        text = if option { matches!(word, "--name" | "--bio") } else { text };
    }
    words
}

fn folder(flavour: Flavour) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../golden").join(flavour.name())
}
