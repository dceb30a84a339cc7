//! Changes that other sessions made to the items of a run while it was running.

use ostrakon_engine::{Status, ledger::Run};

use crate::numbers::{counted, thousands};

/// Explains why a completed run has handled more or fewer items than planned; `None` if the numbers
/// match.
pub(super) fn describe(run: &Run) -> Option<String> {
    let (planned, total) = (run.plan.total, run.total?);
    let at_its_end = matches!(run.status, Status::Succeeded | Status::Incomplete);
    if !at_its_end || planned == total {
        return None;
    }
    let planned_items = counted(planned, "items");
    Some(if total < planned {
        let gone = thousands(planned - total);
        format!("{planned_items} were planned, others had removed {gone} of them by then")
    } else {
        let more = thousands(total - planned);
        format!("{planned_items} were planned, others had written {more} more by then")
    })
}
