//! A run for each entry of a list: one plan, one question, one transaction, one group.

mod group;
mod plan;
mod preview;

use ostrakon_server::Server;

pub(super) use plan::combine;

use super::{
    Failure, Output,
    place::long_jobs_here,
    plan::{confirm_all, end_dry_run},
    submit::{RunOptions, notify, required_notifier},
};
use crate::{
    numbers::{counted, thousands},
    requests::{Planned, RunView, Triage, triage},
    session::Session,
};

/// Plans all jobs, asks once for confirmation, writes all runs to the ledger, and has them done.
/// `kind` is what the jobs are about, in the plural: `hosts`.
///
/// Succeeds unless something failed. Some runs may be queued already, and some subjects may be
/// unknown, but not all of them.
pub(super) async fn submit(
    session: &Session,
    server: &Server,
    list: Vec<Planned>,
    kind: &'static str,
    options: &RunOptions,
    output: Output,
) -> Result<(), Failure> {
    if options.dry_run {
        plan::show(server, &list, kind, output);
        end_dry_run(server, output);
        let known = list.iter().any(|planned| planned.unknown.is_none());
        return if known { Ok(()) } else { Err(nobody(kind)) };
    }
    server.require_writable()?;
    let sorted = triage(session, list, options.inline).await?;
    output.note(sentence(&sorted, kind));
    if sorted.to_do.is_empty() {
        report_rest(&sorted, output);
        return all_before(&sorted, kind);
    }
    session.require_ledger().await?;
    let notifier = required_notifier(session, options).await?;
    let combined = combine(server, &sorted.to_do, plan::NOTES);
    let is_heavy = sorted.to_do.iter().any(|planned| planned.job.is_heavy());
    if is_heavy && !options.yes {
        for line in preview::lines(&sorted.to_do, plan::ROWS) {
            Output::attention(line);
        }
    }
    let title = title(&sorted.to_do, kind);
    confirm_all(&title, is_heavy, &combined, server, options.yes, output)?;
    report_rest(&sorted, output);
    let inline = long_jobs_here(session, options, output).await?;
    let options = &RunOptions { inline, ..options.clone() };
    let mut group = group::enqueue(session, server, sorted.to_do, kind, options, output).await?;
    if inline {
        return group.run_inline(session, server, options, output).await;
    }
    group.report_queued(output);
    if let Some(first) = group.runs.first() {
        notify(session, first, group.runs.len(), notifier, output).await?;
    }
    if options.wait {
        return group.wait(session, options, output).await;
    }
    group.show_json(session, output).await
}

/// Reports what is not queued, and why.
fn report_rest(sorted: &Triage, output: Output) {
    for (planned, run) in &sorted.already {
        let subject = planned.job.subject();
        output.note(format!("{subject}: run {} ({}) is already {}", run.id, run.job, run.status));
        output.object(&RunView::of(run));
    }
    let unknown_hosts = sorted.unknown.iter().map(|(planned, _)| planned);
    let unknown_hosts = unknown_hosts.filter(|planned| planned.figures.is_some());
    if let Some(line) = preview::unknown_line(unknown_hosts) {
        output.note(line);
    }
    for (planned, unknown) in &sorted.unknown {
        if planned.figures.is_none() {
            output.note(unknown.clone());
        }
        output.object(&RunView::unknown(planned.job.name(), planned.job.subject(), unknown));
    }
    for planned in &sorted.nothing {
        // Hosts are counted, not named: a list has thousands of them.
        for line in planned.done.iter().filter(|_| planned.figures.is_none()) {
            output.result(line);
        }
        output.object(&RunView::nothing_to_do(planned.job.name(), planned.job.subject()));
    }
}

/// One-sentence summary of the list.
fn sentence(sorted: &Triage, kind: &str) -> String {
    let count = |list: usize| thousands(i64::try_from(list).unwrap_or(i64::MAX));
    format!(
        "Listed {kind} that need work: {}; already queued: {}; nothing to do: {}; unknown: {}.",
        count(sorted.to_do.len()),
        count(sorted.already.len()),
        count(sorted.nothing.len()),
        count(sorted.unknown.len())
    )
}

/// Result of a list without new work.
fn all_before(sorted: &Triage, kind: &str) -> Result<(), Failure> {
    match (sorted.already.first(), sorted.nothing.is_empty()) {
        (Some((_, run)), true) => Err(Failure::AlreadyQueued {
            id: run.id.clone(),
            job: run.job.clone(),
            status: run.status,
        }),
        (None, true) if !sorted.unknown.is_empty() => Err(nobody(kind)),
        _ => Ok(()),
    }
}

/// Result of a list whose entries are all unknown.
fn nobody(kind: &str) -> Failure {
    Failure::NotFound(match kind {
        "hosts" => "no account of any listed host is known here; nothing was done".to_owned(),
        _ => format!("none of the listed {kind} is known here; nothing was done"),
    })
}

/// Title of a list: `deactivate_instance for 3 hosts`.
fn title(list: &[Planned], kind: &str) -> String {
    let name = list.first().map_or("nothing", |planned| planned.job.name());
    format!("{name} for {}", number(list, kind))
}

/// Number of entries: `3 hosts`.
fn number(list: &[Planned], kind: &str) -> String {
    counted(i64::try_from(list.len()).unwrap_or(i64::MAX), kind)
}
