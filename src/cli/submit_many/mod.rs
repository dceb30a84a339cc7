//! A run for each entry of a list: one plan, one question, one transaction, one connection to
//! Redis.

mod queue;
mod wait_all;

use std::collections::HashMap;

use ostrakon_engine::{
    Count, PlanSummary,
    ledger::{self, Run, SchemaState},
};
use ostrakon_jobs::AnyJob;
use ostrakon_server::{Server, stale_note};

use super::{
    Failure, Output,
    output::{counted, thousands},
    place::long_jobs_here,
    plan::{confirm_all, plan_lines, show_plan},
    run_json::RunJson,
    submit::{RunOptions, may_take_up, required_redis},
};
use crate::session::Session;

/// Job of the list, with its plan and what to print when it is done.
pub(super) struct Planned {
    /// Job for one entry.
    pub(super) job: AnyJob,
    /// Plan of the job.
    pub(super) plan: PlanSummary,
    /// Lines printed once they are true.
    pub(super) done: Vec<String>,
    /// Message that the job's subject is unknown here, if it is.
    pub(super) unknown: Option<String>,
}

/// The list, sorted by what is left to do.
#[derive(Default)]
struct Sorted {
    to_do: Vec<Planned>,
    nothing: Vec<Planned>,
    /// Jobs with an unknown subject, each with the message.
    unknown: Vec<(Planned, String)>,
    /// Jobs that conflict with an unfinished run, each with that run.
    already: Vec<(Planned, Run)>,
}

/// Plans all jobs, asks once for confirmation, writes all runs to the ledger, and has them done.
///
/// Succeeds unless something failed. Some runs may be queued already, and some subjects may be
/// unknown, but not all of them.
pub(super) async fn submit(
    session: &Session,
    server: &Server,
    list: Vec<Planned>,
    options: &RunOptions,
    output: Output,
) -> Result<(), Failure> {
    if options.dry_run {
        show(server, &list, output);
        let known = list.iter().any(|planned| planned.unknown.is_none());
        return if known { Ok(()) } else { Err(nobody()) };
    }
    let sorted = sort(session, list, options).await?;
    output.note(sentence(&sorted));
    if sorted.to_do.is_empty() {
        tell(&sorted, output);
        return all_before(&sorted);
    }
    session.require_ledger().await?;
    let notifier = required_redis(session, options).await?;
    let plan = together(server, &sorted.to_do);
    let is_heavy = sorted.to_do.iter().any(|planned| planned.job.is_heavy());
    confirm_all(&title(&sorted.to_do), is_heavy, &plan, options.yes, output)?;
    tell(&sorted, output);
    if long_jobs_here(session, options, output).await? {
        return wait_all::inline(session, server, sorted.to_do, options, output).await;
    }
    let runs = queue::enqueue(session, server, sorted.to_do, options, output).await?;
    queue::notify(session, &runs, notifier, output).await?;
    if options.wait {
        return wait_all::wait(session, &runs, options, output).await;
    }
    queue::show(session, &runs, output).await
}

/// Sorts out jobs with nothing to do, and jobs with a conflicting run.
async fn sort(
    session: &Session,
    list: Vec<Planned>,
    options: &RunOptions,
) -> Result<Sorted, Failure> {
    let mut unfinished = unfinished(session, &list).await?;
    let mut sorted = Sorted::default();
    for mut planned in list {
        let unknown = planned.unknown.take();
        match (unfinished.remove(&planned.job.dedupe_key()), unknown) {
            (Some(run), _) if !may_take_up(&run, &planned.job, options) => {
                sorted.already.push((planned, run));
            }
            (None, Some(unknown)) => sorted.unknown.push((planned, unknown)),
            (None, None) if planned.plan.total == 0 => sorted.nothing.push(planned),
            (Some(_) | None, _) => sorted.to_do.push(planned),
        }
    }
    Ok(sorted)
}

/// Finds unfinished runs by their dedupe keys; none if there is no ledger yet.
async fn unfinished(session: &Session, list: &[Planned]) -> Result<HashMap<String, Run>, Failure> {
    let mut db = session.side_pool.acquire().await?;
    if ledger::schema_state(&mut db).await? != SchemaState::Current {
        return Ok(HashMap::new());
    }
    let keys: Vec<String> = list.iter().map(|planned| planned.job.dedupe_key()).collect();
    Ok(ledger::unfinished_among(&mut db, &keys).await?.into_iter().collect())
}

/// Reports what is not queued, and why.
fn tell(sorted: &Sorted, output: Output) {
    for (planned, run) in &sorted.already {
        let subject = planned.job.subject();
        output.note(format!("{subject}: run {} ({}) is already {}", run.id, run.job, run.status));
        output.object(&RunJson::of(run));
    }
    for (planned, unknown) in &sorted.unknown {
        output.note(unknown.clone());
        output.object(&RunJson::unknown(planned.job.name(), planned.job.subject(), unknown));
    }
    for planned in &sorted.nothing {
        for line in &planned.done {
            output.result(line);
        }
        output.object(&RunJson::nothing_to_do(planned.job.name(), planned.job.subject()));
    }
}

/// One-sentence summary of the list.
fn sentence(sorted: &Sorted) -> String {
    let count = |list: usize| thousands(i64::try_from(list).unwrap_or(i64::MAX));
    format!(
        "Listed hosts that need work: {}; already queued: {}; nothing to do: {}; unknown: {}.",
        count(sorted.to_do.len()),
        count(sorted.already.len()),
        count(sorted.nothing.len()),
        count(sorted.unknown.len())
    )
}

/// Result of a list without new work.
fn all_before(sorted: &Sorted) -> Result<(), Failure> {
    match (sorted.already.first(), sorted.nothing.is_empty()) {
        (Some((_, run)), true) => Err(Failure::AlreadyQueued {
            id: run.id.clone(),
            job: run.job.clone(),
            status: run.status,
        }),
        (None, true) if !sorted.unknown.is_empty() => Err(nobody()),
        _ => Ok(()),
    }
}

/// Result of a list whose hosts are all unknown.
fn nobody() -> Failure {
    Failure::NotFound("no account of any listed host is known here; nothing was done".to_owned())
}

/// Title of a list: `deactivate_instance for 3 hosts`.
fn title(list: &[Planned]) -> String {
    let name = list.first().map_or("nothing", |planned| planned.job.name());
    let number = i64::try_from(list.len()).unwrap_or(i64::MAX);
    format!("{name} for {}", counted(number, "hosts"))
}

/// Sum of the plans of a list.
fn together(server: &Server, list: &[Planned]) -> PlanSummary {
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
    // A list of any length has to fit on one screen.
    if notes.len() > NOTES {
        let more = notes.len() - NOTES;
        notes.truncate(NOTES);
        notes.push(format!("{more} more such notes; --dry-run shows them all"));
    }
    notes.extend(stale_note(server, "counters of local accounts").filter(|_| total > 0));
    PlanSummary { counts, notes, total, cursor: serde_json::Value::Null }
}

/// Maximum number of notes shown before a question.
const NOTES: usize = 5;

/// Shows the plan of each job of a list, and the combined plan.
fn show(server: &Server, list: &[Planned], output: Output) {
    for planned in list {
        let mut plan = planned.plan.clone();
        plan.notes.splice(0..0, planned.unknown.clone());
        show_plan(&planned.job, &plan, output);
    }
    output.note(format!("Together, {} would touch:", title(list)));
    for line in plan_lines(&together(server, list)) {
        output.note(line);
    }
}
