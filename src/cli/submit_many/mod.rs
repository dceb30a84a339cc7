//! A run for each entry of a list: one plan, one question, one transaction and, if Redis carries the
//! notifications, one connection to it.

mod preview;
mod wait_all;

use ostrakon_engine::{Count, PlanSummary};
use ostrakon_server::{Server, stale_note};

use super::{
    Failure, Output,
    place::long_jobs_here,
    plan::{confirm_all, end_dry_run, plan_lines, show_plan},
    submit::{RunOptions, notify, required_notifier},
};
use crate::{
    numbers::{counted, thousands},
    requests::{self, Enqueued, Outcome, Planned, Queued, RunView, Triage, triage},
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
        show(server, &list, kind, output);
        let known = list.iter().any(|planned| planned.unknown.is_none());
        return if known { Ok(()) } else { Err(nobody(kind)) };
    }
    server.require_writable()?;
    let sorted = triage(session, list, options.inline).await?;
    output.note(sentence(&sorted, kind));
    if sorted.to_do.is_empty() {
        tell(&sorted, output);
        return all_before(&sorted, kind);
    }
    session.require_ledger().await?;
    let notifier = required_notifier(session, options).await?;
    let plan = together(server, &sorted.to_do, NOTES);
    let is_heavy = sorted.to_do.iter().any(|planned| planned.job.is_heavy());
    if is_heavy && !options.yes {
        for line in preview::lines(&sorted.to_do, ROWS) {
            Output::attention(line);
        }
    }
    confirm_all(&title(&sorted.to_do, kind), is_heavy, &plan, server, options.yes, output)?;
    tell(&sorted, output);
    if long_jobs_here(session, options, output).await? {
        return wait_all::inline(session, server, sorted.to_do, kind, options, output).await;
    }
    let runs = enqueue(session, server, sorted.to_do, options, output).await?;
    notify(session, &runs, notifier, output).await?;
    if options.wait {
        return wait_all::wait(session, &runs, options, output).await;
    }
    if output.json {
        let ids: Vec<String> = runs.iter().map(|run| run.id.clone()).collect();
        for run in requests::find_all(session, &ids).await? {
            output.object(&RunView::of(&run));
        }
    }
    Ok(())
}

/// Writes all runs or none. Reports and skips those that another process has queued meanwhile.
async fn enqueue(
    session: &Session,
    server: &Server,
    list: Vec<Planned>,
    options: &RunOptions,
    output: Output,
) -> Result<Vec<Queued>, Failure> {
    let enqueued = requests::enqueue(session, server, list, options.requester()).await?;
    let mut runs = Vec::with_capacity(enqueued.len());
    for Enqueued { planned, outcome } in enqueued {
        match outcome {
            Outcome::New(id) | Outcome::TakenOver(id) => runs.push(Queued { id, planned }),
            Outcome::Conflict(_) => {
                let subject = planned.job.subject();
                output.note(format!("{subject}: another session has queued it meanwhile"));
            }
        }
    }
    Ok(runs)
}

/// Reports what is not queued, and why.
fn tell(sorted: &Triage, output: Output) {
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

/// Result of a list whose hosts are all unknown.
fn nobody(kind: &str) -> Failure {
    Failure::NotFound(match kind {
        "hosts" => "no account of any listed host is known here; nothing was done".to_owned(),
        _ => format!("none of the listed {kind} is known here; nothing was done"),
    })
}

/// Title of a list: `deactivate_instance for 3 hosts`.
fn title(list: &[Planned], kind: &str) -> String {
    let name = list.first().map_or("nothing", |planned| planned.job.name());
    let number = i64::try_from(list.len()).unwrap_or(i64::MAX);
    format!("{name} for {}", counted(number, kind))
}

/// Sum of the plans of a list, with at most some of their notes.
pub(super) fn together(server: &Server, list: &[Planned], most_notes: usize) -> PlanSummary {
    let mut counts: Vec<Count> = Vec::new();
    for count in list.iter().flat_map(|planned| &planned.plan.counts) {
        match counts.iter_mut().find(|sum| sum.kind == count.kind) {
            Some(sum) => sum.items += count.items,
            None => counts.push(count.clone()),
        }
    }
    let total: i64 = counts.iter().map(|count| count.items).sum();
    let mut notes: Vec<String> =
        list.iter().flat_map(|planned| planned.plan.notes.iter().cloned()).collect();
    if notes.len() > most_notes {
        let more = notes.len() - most_notes;
        notes.truncate(most_notes);
        notes.push(format!("{more} more such notes; --dry-run shows them all"));
    }
    notes.extend(stale_note(server, "counters of local accounts").filter(|_| total > 0));
    PlanSummary { counts, notes, total, cursor: serde_json::Value::Null }
}

/// Maximum number of notes, and of rows of a table, shown before a question: a list of any length has to
/// fit on one screen.
const NOTES: usize = 2;
const ROWS: usize = 6;

/// Shows the plan of each job of a list, and the combined plan.
fn show(server: &Server, list: &[Planned], kind: &str, output: Output) {
    let is_of_hosts = list.iter().any(|planned| planned.figures.is_some());
    if is_of_hosts && !output.json {
        show_hosts(list, output);
    } else {
        for planned in preview::sorted(list) {
            let mut plan = planned.plan.clone();
            plan.notes.splice(0..0, planned.unknown.clone());
            show_plan(&planned.job, &plan, planned.figures, server, output);
        }
    }
    output.note(format!("Together, {} would touch:", title(list, kind)));
    for line in plan_lines(&together(server, list, usize::MAX)) {
        output.note(line);
    }
    end_dry_run(server, output);
}

/// Shows the hosts of a list: a row for each that needs work, and a line for all others of a kind.
fn show_hosts(list: &[Planned], output: Output) {
    for line in preview::lines(list, usize::MAX) {
        output.result(line);
    }
    let is_known = |planned: &&Planned| planned.unknown.is_none();
    let nothing = list.iter().filter(is_known).filter(|planned| planned.plan.total == 0).count();
    if nothing > 0 {
        let hosts = counted(i64::try_from(nothing).unwrap_or(i64::MAX), "hosts");
        output.result(format!("Nothing to do for {hosts}."));
    }
    let unknown = list.iter().filter(|planned| planned.unknown.is_some());
    if let Some(line) = preview::unknown_line(unknown) {
        output.result(line);
    }
}
