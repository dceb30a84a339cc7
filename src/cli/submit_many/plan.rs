//! The plan of a list.

use ostrakon_engine::{Count, PlanSummary};
use ostrakon_server::{Server, stale_note};

use super::{preview, title};
use crate::{
    cli::{
        Output,
        plan::{plan_lines, show_plan},
    },
    numbers::counted,
    requests::Planned,
};

/// Maximum number of notes, and of rows of a table, shown before a question: a list of any length
/// has to fit on one screen.
pub(super) const NOTES: usize = 2;
pub(super) const ROWS: usize = 6;

/// Sum of the plans of a list, with at most some of their notes.
pub(in crate::cli) fn combine(server: &Server, list: &[Planned], most_notes: usize) -> PlanSummary {
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

/// Shows the plan of each job of a list, and the combined plan.
pub(super) fn show(server: &Server, list: &[Planned], kind: &str, output: Output) {
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
    for line in plan_lines(&combine(server, list, usize::MAX)) {
        output.note(line);
    }
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
