//! Raw figures, one JSON object per line, and the machine on which they were measured.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::thread::available_parallelism;

use anyhow::{Context as _, Result};
use chrono::{SecondsFormat, Utc};
use serde_json::{Map, Value, json};
use sqlx::{Connection as _, PgConnection};
use testkit::Postgres;

/// Appends measurements to a file, if one was named.
#[derive(Debug)]
pub(super) struct Recorder {
    file: Option<PathBuf>,
    machine: Map<String, Value>,
}

impl Recorder {
    /// Reads the machine's properties. Fails before any measurement if the file cannot be written.
    pub(super) async fn new(file: Option<PathBuf>, postgres: &Postgres) -> Result<Self> {
        let recorder = Self { file, machine: machine(postgres).await? };
        recorder.append("")?;
        Ok(recorder)
    }

    /// Describes the machine in one line.
    pub(super) fn describe(&self) -> String {
        let of = |name: &str| match self.machine.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => "?".to_owned(),
        };
        format!(
            "{} cores ({}), {} MiB, PostgreSQL {} with shared_buffers of {}, commit {}",
            of("cores"),
            of("processor"),
            of("ram_mib"),
            of("postgresql"),
            of("shared_buffers"),
            of("commit")
        )
    }

    /// Records one measurement: of `who` in a bench, at a size, in a round from 1; round 0 means a
    /// figure over all rounds.
    pub(super) fn note(
        &self,
        (bench, who): (&str, &str),
        size: i64,
        round: u32,
        figures: &[(&str, f64)],
    ) -> Result<()> {
        let mut line = Map::new();
        line.insert("at".to_owned(), Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true).into());
        line.extend([
            ("bench".to_owned(), bench.into()),
            ("who".to_owned(), who.into()),
            ("size".to_owned(), size.into()),
            ("round".to_owned(), round.into()),
        ]);
        line.extend(figures.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
        line.extend(self.machine.clone());
        self.append(&format!("{}\n", Value::Object(line)))
    }

    fn append(&self, text: &str) -> Result<()> {
        let Some(path) = &self.file else { return Ok(()) };
        let named = || format!("{} cannot be written to", path.display());
        let mut file =
            OpenOptions::new().create(true).append(true).open(path).with_context(named)?;
        file.write_all(text.as_bytes()).with_context(named)
    }
}

async fn machine(postgres: &Postgres) -> Result<Map<String, Value>> {
    let mut db = PgConnection::connect(&postgres.url("postgres")).await?;
    let (version, shared_buffers): (String, String) = sqlx::query_as(
        "select current_setting('server_version'), current_setting('shared_buffers')",
    )
    .fetch_one(&mut db)
    .await?;
    db.close().await?;
    let facts = [
        ("commit", json!(commit())),
        ("cores", json!(available_parallelism().map_or(0, usize::from))),
        ("processor", json!(fact("/proc/cpuinfo", "model name"))),
        ("ram_mib", json!(ram_mib())),
        ("postgresql", json!(version)),
        ("shared_buffers", json!(shared_buffers)),
    ];
    Ok(facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// Returns the first `name: value` of a kernel file.
fn fact(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// Returns this machine's memory, in MiB.
pub(super) fn ram_mib() -> Option<u64> {
    let total = fact("/proc/meminfo", "MemTotal")?;
    let kib: u64 = total.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024)
}

/// Returns the measured commit, with a `+` if files differ from it.
fn commit() -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no"])?;
    Some(if changed.is_empty() { commit } else { format!("{commit}+") })
}
