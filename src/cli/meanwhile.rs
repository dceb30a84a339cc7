//! What others did to the items of a run while it was under way.

use ostrakon_jobs::engine::{Status, ledger::Run};

use super::output::{counted, thousands};

/// Says why a run that came to its end has dealt with another number of items than was planned; `None` when
/// it has not.
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
