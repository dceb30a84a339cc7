//! Plan of a job, shown to the user for confirmation.

use crate::numbers::{named, thousands};
use ostrakon_engine::PlanSummary;
use ostrakon_jobs::{AnyJob, deactivate_instance::HostFigures};
use ostrakon_server::Server;
use serde::Serialize;
use serde_json::json;

use super::{Failure, Output};

/// Shows what a job would touch, and what its host is to this server's people, if it has one.
pub(super) fn show_plan(
    job: &AnyJob,
    plan: &PlanSummary,
    figures: Option<HostFigures>,
    server: &Server,
    output: Output,
) {
    output.result(format!("{} {} would touch:", job.name(), job.subject()));
    for line in plan_lines(plan) {
        output.result(line);
    }
    let Recognised { newer_migration, server, writable } = Recognised::of(server);
    let mut object = json!({
        "dry_run": true,
        "job": job.name(),
        "subject": job.subject(),
        "total": plan.total,
        "plan": plan.counts,
        "notes": plan.notes,
        "server": server,
        "newer_migration": newer_migration,
        "writable": writable,
    });
    if let (Some(figures), Some(object)) = (figures, object.as_object_mut()) {
        object.insert("figures".to_owned(), json!(figures));
    }
    output.object(&object);
}

/// What a database was recognised as, in an object.
#[derive(Serialize)]
pub(super) struct Recognised {
    newer_migration: Option<i64>,
    server: &'static str,
    writable: bool,
}

impl Recognised {
    pub(super) fn of(server: &Server) -> Self {
        Self {
            newer_migration: server.newer.as_ref().map(|newer| newer.migration),
            server: server.dialect.name,
            writable: server.require_writable().is_ok(),
        }
    }
}

/// Shows what the database was recognised as, after a plan that changed nothing; warns if ostrakon
/// would refuse to change it.
pub(super) fn end_dry_run(server: &Server, output: Output) {
    show_server(server, output);
    output.result("Nothing was changed.");
}

/// Shows what the database was recognised as; warns if ostrakon refuses to change it.
pub(super) fn show_server(server: &Server, output: Output) {
    output.result(format!("Server: {}.", server.recognised()));
    if let Err(only_read) = server.require_writable() {
        output.warning(only_read.to_string());
    }
}

pub(super) fn plan_lines(plan: &PlanSummary) -> Vec<String> {
    let counts: Vec<(String, String)> = plan
        .counts
        .iter()
        .map(|count| (thousands(count.items), named(count.items, &count.kind)))
        .collect();
    let width = counts.iter().map(|(items, _)| items.len()).max().unwrap_or(0);
    let lines = counts.iter().map(|(items, kind)| format!("  {items:>width$} {kind}"));
    lines.chain(plan.notes.iter().map(|note| format!("  note: {note}"))).collect()
}

/// Prints the notes of a plan that needs no confirmation.
pub(super) fn tell_notes(plan: &PlanSummary, output: Output) {
    for note in &plan.notes {
        output.note(format!("note: {note}"));
    }
}

/// Shows a heavy job's plan and asks for confirmation, unless `--yes` is set.
pub(super) fn confirm(
    job: &AnyJob,
    plan: &PlanSummary,
    server: &Server,
    yes: bool,
    output: Output,
) -> Result<(), Failure> {
    let subject = format!("{} {}", job.name(), job.subject());
    confirm_all(&subject, job.is_heavy(), plan, server, yes, output)
}

/// Shows the combined plan of several jobs and asks for confirmation, unless `--yes` is set.
pub(super) fn confirm_all(
    subject: &str,
    is_heavy: bool,
    plan: &PlanSummary,
    server: &Server,
    yes: bool,
    output: Output,
) -> Result<(), Failure> {
    if !is_heavy || yes {
        tell_notes(plan, output);
        return Ok(());
    }
    Output::attention(format!("{subject} will touch:"));
    for line in plan_lines(plan) {
        Output::attention(line);
    }
    Output::attention(format!("Server: {}.", server.recognised()));
    match output.ask("This cannot be undone. Go on?") {
        Some(true) => Ok(()),
        Some(false) => Err(Failure::Refused("declined; nothing was changed".to_owned())),
        None => Err(Failure::Refused(
            "this cannot be undone, and there is no terminal to ask on: add --yes to do it, or \
             --dry-run to only look\nNothing was changed."
                .to_owned(),
        )),
    }
}
