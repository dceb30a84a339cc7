//! `ostrakon runs show | watch | pause | resume | cancel | speed | retry` with a group

use chrono::{DateTime, Utc};
use ostrakon_engine::{
    Status, deliveries_note,
    ledger::{self, Group},
};

use super::{Command, list::progress};
use crate::{
    cli::{Failure, Output, follow, output::one_line, place},
    numbers::{counted, thousands},
    requests::{self, GroupView},
    session::Session,
};

/// Maximum number of runs of each status shown; the others are only counted.
const RUNS_SHOWN: i64 = 20;

/// Statuses whose runs are shown by name.
const SHOWN: [Status; 5] =
    [Status::Running, Status::Failed, Status::Incomplete, Status::Cancelled, Status::Paused];

/// Does what was typed about a group.
pub(super) async fn run(
    command: &Command,
    group: &Group,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    let id = &group.id;
    match command {
        Command::List(_) => Ok(()),
        Command::Show(_) => show(group, session, output).await,
        Command::Watch(options) => {
            let group = follow::wait_group(session, id, options.wait_timeout, output).await?;
            output.object(&GroupView::of(&group));
            conclude(&group)?;
            let deliveries = deliveries_note(group.deliveries_until, Utc::now())
                .map_or_else(String::new, |reported| format!("; {reported}"));
            let Group { job, subject, .. } = &group;
            output.result(format!("Group {id} ({job} for {subject}) is done{deliveries}."));
            Ok(())
        }
        Command::Pause(_) => {
            let runs = some(requests::pause_group(session, id).await?, group, "paused")?;
            let text = format!("{runs} paused; one that is running pauses at the end of its batch");
            report(id, &text, session, output).await
        }
        Command::Resume(_) => {
            let runs = some(requests::resume_group(session, id).await?, group, "resumed")?;
            report(id, &format!("{runs} queued again"), session, output).await?;
            warn_without_worker(session, output).await
        }
        Command::Cancel(_) => {
            let runs = some(requests::cancel_group(session, id).await?, group, "cancelled")?;
            let text = format!("{runs} cancelled; one that is running stops after its batch");
            report(id, &text, session, output).await
        }
        Command::Speed(options) => {
            let factor = options.factor;
            let runs = requests::set_group_speed(session, id, factor).await?;
            let runs = some(runs, group, "made faster or slower")?;
            let text = format!("{runs} set to {factor} times the speed of the settings");
            report(id, &text, session, output).await
        }
        Command::Retry(options) if options.parked => Err(Failure::Usage(format!(
            "{id} is a group: retry the parked items of one of its runs, or without --parked all \
             that the group has left. Nothing was changed."
        ))),
        Command::Retry(_) => {
            let runs = some(requests::retry_group(session, id).await?, group, "tried again")?;
            report(id, &format!("{runs} queued again"), session, output).await?;
            warn_without_worker(session, output).await
        }
    }
}

/// Number of runs that a request concerned; an error if there were none.
fn some(runs: u64, group: &Group, verb: &str) -> Result<String, Failure> {
    if runs == 0 {
        return Err(Failure::Refused(format!(
            "group {} is {}: none of its runs can be {verb}. Nothing was changed.",
            group.id,
            group.status()
        )));
    }
    Ok(counted(i64::try_from(runs).unwrap_or(i64::MAX), "runs"))
}

async fn report(id: &str, text: &str, session: &Session, output: Output) -> Result<(), Failure> {
    let group = requests::find_group(session, id).await?;
    output.result(format!("Group {id}: {text}{}.", progress(&group)));
    output.object(&GroupView::of(&group));
    Ok(())
}

async fn warn_without_worker(session: &Session, output: Output) -> Result<(), Failure> {
    place::warn_without_worker(session, "the command that asked for the group", output).await?;
    Ok(())
}

/// Converts the final status of a group to the result of the command.
fn conclude(group: &Group) -> Result<(), Failure> {
    let id = &group.id;
    let ends = format!("{}; see: ostrakon runs show {id}", by_status(group));
    match group.status() {
        Status::Succeeded => Ok(()),
        Status::Incomplete => Err(Failure::Parked(format!(
            "group {id} is incomplete: {ends}\nFix the causes, then: ostrakon runs retry {id}"
        ))),
        Status::Cancelled => Err(Failure::Failed(format!(
            "runs of group {id} were cancelled: {ends}\nWhat was committed stays"
        ))),
        _ => Err(Failure::Failed(format!(
            "runs of group {id} have failed: {ends}\nWhat was committed stays. Fix the cause, then \
             retry what is left, parked items included: ostrakon runs retry {id}"
        ))),
    }
}

/// Number of runs with each status: `1,998 succeeded, 2 failed`.
fn by_status(group: &Group) -> String {
    let counts = Status::ALL.into_iter().map(|status| (group.with_status(status), status));
    let counts = counts.filter(|(runs, _)| *runs > 0);
    let texts: Vec<String> =
        counts.map(|(runs, status)| format!("{} {status}", thousands(runs))).collect();
    texts.join(", ")
}

async fn show(group: &Group, session: &Session, output: Output) -> Result<(), Failure> {
    output.object(&GroupView::of(group));
    for line in figures(group) {
        output.result(line);
    }
    let mut db = session.side_pool.acquire().await?;
    for status in SHOWN {
        let runs = ledger::runs_of_group(&mut db, &group.id, Some(status), RUNS_SHOWN).await?;
        let shown = i64::try_from(runs.len()).unwrap_or(i64::MAX);
        for run in &runs {
            let error = run.last_error.as_deref().filter(|_| status == Status::Failed);
            let error = error.map_or_else(String::new, |error| format!(": {error}"));
            output.result(one_line(&format!("  {} {} {status}{error}", run.id, run.subject)));
        }
        let more = group.with_status(status) - shown;
        if more > 0 {
            output.result(format!("  … and {} more {status}", thousands(more)));
        }
    }
    output.note(format!("All of its runs: ostrakon runs list --group {}", group.id));
    Ok(())
}

fn figures(group: &Group) -> Vec<String> {
    let time = |time: Option<DateTime<Utc>>| {
        time.map(|time| time.format("%Y-%m-%d %H:%M:%S UTC").to_string())
    };
    let role = group.database_user.as_ref().map(|role| format!(" (database role {role})"));
    let parked = match group.parked {
        0 => String::new(),
        parked => format!(", {} parked", thousands(parked)),
    };
    let fields = [
        ("Group", Some(group.id.clone())),
        ("Job", Some(format!("{} for {}", group.job, group.subject))),
        ("Status", Some(format!("{}{}", group.status(), progress(group)))),
        ("Runs", Some(by_status(group))),
        ("Waits for", group.waits_for.clone()),
        ("Throttled", group.throttle_reason.clone()),
        ("Done", Some(format!("{} of {}{parked}", thousands(group.done), thousands(group.total)))),
        ("Asked by", Some(group.requested_by.clone() + &role.unwrap_or_default())),
        ("Reason", group.reason.clone()),
        ("Created", time(Some(group.created_at))),
        ("Started", time(group.started_at)),
        ("Finished", time(group.finished_at)),
        ("Deliveries", deliveries_note(group.deliveries_until, Utc::now())),
    ];
    let line =
        |(name, value): (&str, Option<String>)| Some(format!("{name:<12} {}", one_line(&value?)));
    fields.into_iter().filter_map(line).collect()
}
