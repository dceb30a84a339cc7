//! Point 7: payloads and cursors of every release can be decoded for ever.
//!
//! `tests/wire` has a file for each release, with a line for each payload and cursor that this
//! release was the first to write. A file is closed when its release is published; until then lines
//! are added to [`OPEN`].

use std::{collections::BTreeSet, fs, path::PathBuf};

use anyhow::{Context as _, Result, ensure};
use ostrakon_jobs::AnyJob;
use serde::Deserialize;
use serde_json::{Value, json};
use testkit::fingerprint;

/// Closed files, each with its fingerprint.
const CLOSED: &[(&str, u64)] = &[];

/// File of the next release.
const OPEN: &str = "0.1.jsonl";

/// What a release wrote into the ledger.
#[derive(Debug, Deserialize)]
struct Written {
    job: String,
    payload: Value,
    cursor: Value,
}

fn read(file: &str) -> Result<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/wire").join(file);
    fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}

/// Everything that any release wrote.
fn written() -> Result<Vec<Written>> {
    let mut all = Vec::new();
    for file in CLOSED.iter().map(|(file, _)| *file).chain([OPEN]) {
        for line in read(file)?.lines() {
            all.push(serde_json::from_str(line).with_context(|| format!("{file}: {line}"))?);
        }
    }
    Ok(all)
}

#[test]
fn closed_files_are_never_edited() -> Result<()> {
    for (file, expected) in CLOSED {
        let found = fingerprint(&read(file)?);
        ensure!(
            found == *expected,
            "tests/wire/{file} was edited, and somebody's ledger holds what stood there: take the \
             edit back, and add a line to tests/wire/{OPEN} instead (fingerprint {found:#018x})"
        );
    }
    Ok(())
}

#[test]
fn every_file_is_closed_or_the_open_one() -> Result<()> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/wire");
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let known = name == OPEN || CLOSED.iter().any(|(file, _)| name == *file);
        ensure!(known, "{name:?} is neither in CLOSED nor OPEN");
    }
    Ok(())
}

#[test]
fn every_released_payload_and_cursor_is_read_and_written_alike() -> Result<()> {
    for Written { job: name, payload, cursor } in written()? {
        let job = AnyJob::decode(&name, &payload)?;
        let rewritten = job.payload()?;
        // Fields that a release did not have are added with their default; no field is lost.
        for (field, value) in payload.as_object().into_iter().flatten() {
            assert_eq!(rewritten.get(field), Some(value), "{name}.{field}");
        }
        assert_eq!(job.check_cursor(&cursor)?, cursor, "{name}");
    }
    Ok(())
}

#[test]
fn no_field_of_a_later_version_is_passed_over() -> Result<()> {
    for Written { job: name, mut payload, mut cursor } in written()? {
        let job = AnyJob::decode(&name, &payload)?;
        payload["of_later"] = json!(true);
        let error = AnyJob::decode(&name, &payload).err().context("the payload was read")?;
        ensure!(error.to_string().contains("unknown field `of_later`"), "{error}");
        cursor["of_later"] = json!(null);
        let error = job.check_cursor(&cursor).err().context("the cursor was read")?;
        ensure!(error.to_string().contains("unknown field `of_later`"), "{error}");
    }
    Ok(())
}

#[test]
fn every_job_has_a_line() -> Result<()> {
    let written = written()?;
    for name in AnyJob::NAMES {
        let there = written.iter().any(|written| written.job == *name);
        ensure!(there, "{name} has no line in tests/wire: add one to {OPEN}");
    }
    Ok(())
}

#[test]
fn every_step_has_a_line() -> Result<()> {
    let written = written()?;
    let mut jobs_with_steps = BTreeSet::new();
    for Written { job: name, payload, cursor } in &written {
        if cursor.get("step").is_none() || !jobs_with_steps.insert(name) {
            continue;
        }
        let there: BTreeSet<&str> = written
            .iter()
            .filter(|written| written.job == *name)
            .filter_map(|written| written.cursor["step"].as_str())
            .collect();
        let steps = steps(&AnyJob::decode(name, payload)?, cursor)?;
        let missing: Vec<_> = steps.iter().filter(|step| !there.contains(step.as_str())).collect();
        ensure!(missing.is_empty(), "{name}: {missing:?} have no line: add them to {OPEN}");
    }
    ensure!(jobs_with_steps.len() >= 2, "{jobs_with_steps:?}");
    Ok(())
}

/// Steps that a job knows: the error for an unknown step names them.
fn steps(job: &AnyJob, cursor: &Value) -> Result<Vec<String>> {
    let mut unknown = cursor.clone();
    unknown["step"] = json!("?");
    let error = job.check_cursor(&unknown).err().context("there is a step `?`")?.to_string();
    let (_, expected) = error.split_once("expected ").with_context(|| error.clone())?;
    let names: Vec<String> = expected.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    ensure!(names.len() > 1, "{error}");
    Ok(names)
}
