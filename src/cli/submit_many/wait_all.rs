//! Completes a list of runs while the user waits.

use std::time::{Duration, Instant};

use ostrakon_engine::{
    Status,
    ledger::{self, Run},
};
use ostrakon_server::Server;

use super::{
    Planned,
    queue::{self, Listed},
};
use crate::{
    cli::{
        Failure, Output, follow, inline,
        interrupts::{Interrupts, Stop},
        maintenance,
        output::counted,
        run_json::RunJson,
        submit::{RunOptions, conclude, may_take_up},
    },
    session::Session,
};

/// Number of failed and incomplete runs so far.
#[derive(Default)]
struct Ends {
    failed: i64,
    incomplete: i64,
}

/// Follows runs to their end, one after another.
pub(super) async fn wait(
    session: &Session,
    runs: &[Listed],
    options: &RunOptions,
    output: Output,
) -> Result<(), Failure> {
    let begun = Instant::now();
    let mut ends = Ends::default();
    for Listed { id, planned, .. } in runs {
        let timeout: Option<Duration> =
            options.wait_timeout.map(|timeout| timeout.saturating_sub(begun.elapsed()));
        let run = follow::wait(session, id, timeout, output).await?;
        ends.note(planned, &run, output);
    }
    ends.conclude()
}

/// Does the jobs in this process, one after another. Writes each to the ledger only when its turn
/// comes, so that no worker takes it.
pub(super) async fn inline(
    session: &Session,
    server: &Server,
    list: Vec<Planned>,
    options: &RunOptions,
    output: Output,
) -> Result<(), Failure> {
    let mut ends = Ends::default();
    let mut interrupts = Interrupts::listen(options.wait_timeout)?;
    let mut rest = list.len();
    for planned in list {
        // Includes a signal that arrived during a ledger query.
        tokio::select! {
            biased;
            _ = interrupts.next() => {}
            () = std::future::ready(()) => {}
        }
        if interrupts.stopped().is_some() {
            return Err(left_off(&interrupts, rest));
        }
        rest -= 1;
        match one(session, server, &planned, options, &mut interrupts, output).await {
            Ok(run) => {
                ends.note(&planned, &run, output);
                maintenance::tell(session, &run.id, output).await?;
            }
            Err(Failure::Unreachable(text)) => {
                return Err(Failure::Unreachable(text).and(&not_begun(rest)));
            }
            Err(stopped @ (Failure::Interrupted(_) | Failure::TimedOut(_))) => {
                output.error(stopped.to_string());
                return Err(left_off(&interrupts, rest));
            }
            Err(failure) => {
                output.error(format!("{}: {failure}", planned.job.subject()));
                ends.failed += 1;
            }
        }
    }
    ends.conclude()
}

/// Result of a list that was stopped with `rest` jobs not started.
fn left_off(interrupts: &Interrupts, rest: usize) -> Failure {
    match interrupts.stopped() {
        Some(Stop::Timeout(_)) => Failure::TimedOut(not_begun(rest)),
        _ => Failure::Interrupted(not_begun(rest)),
    }
}

fn not_begun(rest: usize) -> String {
    let rest = counted(i64::try_from(rest).unwrap_or(i64::MAX), "hosts");
    format!("Nothing was started for {rest} of the list: run the command again for them")
}

async fn one(
    session: &Session,
    server: &Server,
    planned: &Planned,
    options: &RunOptions,
    interrupts: &mut Interrupts,
    output: Output,
) -> Result<Run, Failure> {
    let id = match queue::enqueue_one(session, server, planned, options).await? {
        Some(id) => id,
        None => take_up(session, planned, options).await?,
    };
    Box::pin(inline::inline(session, server, &planned.job, &id, interrupts, output)).await
}

/// Takes over the run that was queued before, without waiting for its next attempt.
async fn take_up(
    session: &Session,
    planned: &Planned,
    options: &RunOptions,
) -> Result<String, Failure> {
    let mut db = session.side_pool.acquire().await?;
    match ledger::unfinished(&mut db, &planned.job.dedupe_key()).await? {
        Some(run) if may_take_up(&run, &planned.job, options) => {
            ledger::make_due_now(&mut db, &run.id).await?;
            Ok(run.id)
        }
        Some(run) => Err(Failure::AlreadyQueued { id: run.id, job: run.job, status: run.status }),
        None => Err(Failure::Failed(
            "another run for this host has just ended; nothing was done, try again".to_owned(),
        )),
    }
}

impl Ends {
    /// Reports and counts how a run ended.
    fn note(&mut self, planned: &Planned, run: &Run, output: Output) {
        output.object(&RunJson::of(run));
        if run.status == Status::Succeeded {
            for line in &planned.done {
                output.result(line);
            }
        }
        match conclude(run) {
            Ok(()) => {}
            Err(incomplete @ Failure::Parked(_)) => {
                output.warning(incomplete.to_string());
                self.incomplete += 1;
            }
            Err(failure) => {
                output.error(failure.to_string());
                self.failed += 1;
            }
        }
    }

    /// Result of the whole list.
    fn conclude(self) -> Result<(), Failure> {
        let runs = |number| counted(number, "runs");
        match (self.failed, self.incomplete) {
            (0, 0) => Ok(()),
            (0, incomplete) => Err(Failure::Parked(format!(
                "{} incomplete, the others are done",
                runs(incomplete)
            ))),
            (failed, 0) => Err(Failure::Failed(format!("{} did not succeed", runs(failed)))),
            (failed, incomplete) => Err(Failure::Failed(format!(
                "{} did not succeed, {} incomplete",
                runs(failed),
                runs(incomplete)
            ))),
        }
    }
}
