//! `ostrakon runs show RUN`

use ostrakon_engine::{
    Status,
    ledger::{self, Event, Parked, Run},
};
use ostrakon_jobs::AnyJob;
use serde_json::Value;

use crate::{
    cli::{Failure, Output, maintenance, meanwhile, output::one_line, submit::rest_text},
    numbers::{counted, thousands},
    requests::{self, RunView},
    session::Session,
};

/// Maximum number of parked items shown; the others are only counted.
const PARKED_SHOWN: usize = 20;

/// Shows a run.
pub(super) async fn run(id: &str, session: &Session, output: Output) -> Result<(), Failure> {
    let run = requests::find(session, id).await?;
    let mut db = session.side_pool.acquire().await?;
    let events = ledger::events(&mut db, id).await?;
    let parked = ledger::parked_items(&mut db, id).await?;
    output.object(&RunView::with_history(&run, &parked, &events));
    let lines =
        figures(&run).into_iter().chain(parked_lines(&parked)).chain(event_lines(&run, &events));
    for line in lines {
        output.result(line);
    }
    Ok(())
}

fn figures(run: &Run) -> Vec<String> {
    let time = |time: Option<chrono::DateTime<chrono::Utc>>| {
        time.map(|time| time.format("%Y-%m-%d %H:%M:%S UTC").to_string())
    };
    let total = run.total.map_or_else(|| "?".to_owned(), thousands);
    let plan: Vec<String> =
        run.plan.counts.iter().map(|count| counted(count.items, &count.kind)).collect();
    let fields = [
        ("Run", Some(run.id.clone())),
        ("Job", Some(format!("{} {}", run.job, run.subject))),
        ("Status", Some(run.status.to_string())),
        ("Waits for", waits_for(run)),
        ("Throttled", run.throttled().map(str::to_owned)),
        ("Plan", Some(plan.join(", "))),
        ("Step", run.step().filter(|_| !run.status.is_finished())),
        ("Done", Some(format!("{} of {total}{}", thousands(run.done), rest_text(run)))),
        ("Meanwhile", meanwhile::describe(run)),
        ("Speed", ((run.speed - 1.0).abs() > f64::EPSILON).then(|| run.speed.to_string())),
        ("Attempt", (run.attempt > 0).then(|| run.attempt.to_string())),
        ("Last error", run.last_error.clone()),
        ("Asked by", Some(asked_by(run))),
        ("Reason", run.reason.clone()),
        ("Worker", run.lease_owner.clone().filter(|_| run.lease_expires_at.is_some())),
        ("Lease until", time(run.lease_expires_at)),
        ("Created", time(Some(run.created_at))),
        ("Not before", time(Some(run.available_at)).filter(|_| waits(run))),
        ("Started", time(run.started_at)),
        ("Finished", time(run.finished_at)),
        (
            "Deliveries",
            run.deliveries_until
                .map(|until| format!("until about {}", until.format("%Y-%m-%d %H:%M UTC"))),
        ),
    ];
    let line =
        |(name, value): (&str, Option<String>)| Some(format!("{name:<12} {}", one_line(&value?)));
    fields.into_iter().filter_map(line).collect()
}

/// Requester of the run, as the terminal reported it and as the database knows it.
fn asked_by(run: &Run) -> String {
    let role = run.database_user.as_ref().map(|role| format!(" (database role {role})"));
    run.requested_by.clone() + &role.unwrap_or_default()
}

/// Reason why the run waits: it needs a worker of a newer version, or the job says what for.
fn waits_for(run: &Run) -> Option<String> {
    if let Err(unknown) = AnyJob::of(run) {
        let reported = format!("a worker of a newer version: {unknown}");
        return (!run.status.is_finished()).then_some(reported);
    }
    run.waits_for().map(str::to_owned)
}

/// Whether the time of the next attempt matters: after a failure, or while the run waits for the
/// server.
fn waits(run: &Run) -> bool {
    run.attempt > 0 || (run.status == Status::Queued && run.cursor.is_some())
}

fn parked_lines(parked: &[Parked]) -> Vec<String> {
    if parked.is_empty() {
        return Vec::new();
    }
    let shown = parked.iter().take(PARKED_SHOWN).map(|parked| {
        let state = parked.sqlstate.as_deref().map_or_else(String::new, |s| format!(" [{s}]"));
        one_line(&format!("  {}: {}{state}", parked.item, parked.reason))
    });
    let more = parked.len().saturating_sub(PARKED_SHOWN);
    let rest = (more > 0).then(|| format!("  … and {more} more"));
    ["Parked items:".to_owned()].into_iter().chain(shown).chain(rest).collect()
}

fn event_lines(run: &Run, events: &[Event]) -> Vec<String> {
    let reported = |event: &Event| -> Vec<String> {
        let at = event.at.format("%Y-%m-%d %H:%M:%S");
        let tables = maintenance::lines(event);
        let detail = if tables.is_empty() { detail(&event.detail) } else { String::new() };
        let other =
            event.database_user.as_ref().filter(|_| event.database_user != run.database_user);
        let role = other.map_or_else(String::new, |role| format!(" as database role {role}"));
        let line = format!("  {at} {} by {}{role}{detail}", event.event, event.actor);
        let tables = tables.iter().map(|line| format!("    {line}"));
        [line].into_iter().chain(tables).map(|line| one_line(&line)).collect()
    };
    ["History:".to_owned()].into_iter().chain(events.iter().flat_map(reported)).collect()
}

/// Details of an event as text: ` (total 3, reason spam)`.
fn detail(detail: &Value) -> String {
    let reported = detail.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    let reported: Vec<String> = reported
        .map(|(name, value)| match value {
            Value::String(text) => format!("{name} {text}"),
            other => format!("{name} {other}"),
        })
        .collect();
    if reported.is_empty() { String::new() } else { format!(" ({})", reported.join(", ")) }
}
