//! From a list to as many runs: one plan, one question, one transaction, one connection to Redis.

mod queue;
mod wait_all;

use std::collections::HashMap;

use ostrakon_jobs::{
    AnyJob,
    engine::{
        Count, PlanSummary,
        ledger::{self, Run, SchemaState},
    },
    pleroma::{Server, stale_note},
};

use super::{
    Failure, Output,
    output::{counted, thousands},
    place::long_jobs_here,
    plan::{confirm_all, plan_lines, show_plan},
    run_json::RunJson,
    submit::{RunOptions, may_take_up, required_redis},
};
use crate::session::Session;

/// A job of the list, with its plan and what to say when it is done.
pub(super) struct Planned {
    /// The job.
    pub(super) job: AnyJob,
    /// What it would touch.
    pub(super) plan: PlanSummary,
    /// Printed once it is true.
    pub(super) done: Vec<String>,
    /// That there is nobody whom the job is about, if that is so.
    pub(super) unknown: Option<String>,
}

/// The list, by what is to be done about it.
#[derive(Default)]
struct Sorted {
    to_do: Vec<Planned>,
    nothing: Vec<Planned>,
    /// Each with what says so.
    unknown: Vec<(Planned, String)>,
    /// With the unfinished run that stands in the way.
    already: Vec<(Planned, Run)>,
}

/// Plans, asks once, writes all runs into the ledger, and has them done.
///
/// Ends well unless something failed; also when some runs were queued before, or some subjects are
/// unknown, but not when that goes for all.
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
    let producer = required_redis(session, options).await?;
    let plan = together(server, &sorted.to_do);
    let is_heavy = sorted.to_do.iter().any(|planned| planned.job.is_heavy());
    confirm_all(&title(&sorted.to_do), is_heavy, &plan, options.yes, output)?;
    tell(&sorted, output);
    if long_jobs_here(session, options, output).await? {
        return wait_all::inline(session, server, sorted.to_do, options, output).await;
    }
    let runs = queue::enqueue(session, server, sorted.to_do, options, output).await?;
    queue::notify(session, &runs, producer, output).await?;
    if options.wait {
        return wait_all::wait(session, &runs, options, output).await;
    }
    queue::show(session, &runs, output).await
}

/// Looks for what there is nothing to do about, and for runs that stand in the way.
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

/// Finds the unfinished runs by their keys; none where there is no ledger yet.
async fn unfinished(session: &Session, list: &[Planned]) -> Result<HashMap<String, Run>, Failure> {
    let mut db = session.side_pool.acquire().await?;
    if ledger::schema_state(&mut db).await? != SchemaState::Current {
        return Ok(HashMap::new());
    }
    let keys: Vec<String> = list.iter().map(|planned| planned.job.dedupe_key()).collect();
    Ok(ledger::unfinished_among(&mut db, &keys).await?.into_iter().collect())
}

/// Says what is not asked for, and why.
fn tell(sorted: &Sorted, output: Output) {
    for (planned, run) in &sorted.already {
        let subject = planned.job.subject();
        output.note(format!("{subject}: run {} ({}) is {} already", run.id, run.job, run.status));
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

/// Sums the list up.
fn sentence(sorted: &Sorted) -> String {
    let count = |list: usize| thousands(i64::try_from(list).unwrap_or(i64::MAX));
    format!(
        "Of the list: {} to do, {} queued already, {} with nothing to do, {} unknown.",
        count(sorted.to_do.len()),
        count(sorted.already.len()),
        count(sorted.nothing.len()),
        count(sorted.unknown.len())
    )
}

/// The end of a list that asks for nothing new.
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

/// The end of a list of which nobody is known.
fn nobody() -> Failure {
    Failure::NotFound("no account of any of them is known here; nothing was done".to_owned())
}

/// What a list is called: `deactivate_instance for 3 hosts`.
fn title(list: &[Planned]) -> String {
    let name = list.first().map_or("nothing", |planned| planned.job.name());
    let number = i64::try_from(list.len()).unwrap_or(i64::MAX);
    format!("{name} for {}", counted(number, "hosts"))
}

/// Adds up the plans of a list.
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
    // A list of any length has to fit on a screen.
    if notes.len() > NOTES {
        let more = notes.len() - NOTES;
        notes.truncate(NOTES);
        notes.push(format!("{more} more such notes; --dry-run shows them all"));
    }
    notes.extend(stale_note(server, "counters of local accounts").filter(|_| total > 0));
    PlanSummary { counts, notes, total, cursor: serde_json::Value::Null }
}

/// Notes that are shown before a question.
const NOTES: usize = 5;

/// Shows what each job of a list, and all together, would touch.
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
