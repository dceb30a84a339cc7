//! Sorting jobs by what is left to do.

use std::collections::HashMap;

use ostrakon_engine::{
    Status,
    ledger::{self, Run},
};
use ostrakon_jobs::AnyJob;

use super::{Planned, has_ledger};
use crate::{failure::Failure, session::Session};

/// Jobs, sorted by what is left to do.
#[derive(Debug, Default)]
pub(crate) struct Triage {
    /// Jobs with work.
    pub(crate) to_do: Vec<Planned>,
    /// Jobs without work.
    pub(crate) nothing: Vec<Planned>,
    /// Jobs with an unknown subject, each with the message.
    pub(crate) unknown: Vec<(Planned, String)>,
    /// Jobs that conflict with an unfinished run, each with that run.
    pub(crate) already: Vec<(Planned, Run)>,
}

/// Sorts out jobs with nothing to do, and jobs with a conflicting run. With `inline`, a queued run
/// of the same job is no conflict: it is taken over.
pub(crate) async fn triage(
    session: &Session,
    list: Vec<Planned>,
    inline: bool,
) -> Result<Triage, Failure> {
    let keys: Vec<String> = list.iter().map(|planned| planned.job.dedupe_key()).collect();
    let mut unfinished = unfinished(session, &keys).await?;
    let mut triage = Triage::default();
    for (mut planned, key) in list.into_iter().zip(keys) {
        let unknown = planned.unknown.take();
        match (unfinished.remove(&key), unknown) {
            (Some(run), _) if !(inline && may_take_over(&run, &planned.job)) => {
                triage.already.push((planned, run));
            }
            (None, Some(unknown)) => triage.unknown.push((planned, unknown)),
            (None, None) if planned.plan.total == 0 => triage.nothing.push(planned),
            (Some(_) | None, _) => triage.to_do.push(planned),
        }
    }
    Ok(triage)
}

/// Finds unfinished runs by their dedupe keys; none if there is no ledger yet.
pub(crate) async fn unfinished(
    session: &Session,
    keys: &[String],
) -> Result<HashMap<String, Run>, Failure> {
    if !has_ledger(session).await? {
        return Ok(HashMap::new());
    }
    let mut db = session.side_pool.acquire().await?;
    Ok(ledger::unfinished_among(&mut db, keys).await?.into_iter().collect())
}

/// Whether a run that was queued before is the same request, so that this process may do it.
pub(crate) fn may_take_over(run: &Run, job: &AnyJob) -> bool {
    let same = job.payload().is_ok_and(|payload| run.job == job.name() && run.payload == payload);
    // A run of a group waits for its turn.
    run.status == Status::Queued && run.group_id.is_none() && same
}
