//! Completes a list of runs while the user waits.

use std::time::{Duration, Instant};

use ostrakon_engine::{Status, ledger::Run};
use ostrakon_server::Server;

use crate::{
    cli::{
        Failure, Output, follow, inline, maintenance,
        submit::{RunOptions, conclude},
    },
    numbers::counted,
    requests::{self, Interrupts, Outcome, Planned, Queued, RunView, Stop},
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
    runs: &[Queued],
    options: &RunOptions,
    output: Output,
) -> Result<(), Failure> {
    let begun = Instant::now();
    let mut ends = Ends::default();
    for Queued { id, planned } in runs {
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
    kind: &'static str,
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
            return Err(left_off(&interrupts, rest, kind));
        }
        rest -= 1;
        match one(session, server, &planned, options, &mut interrupts, output).await {
            Ok(run) => {
                ends.note(&planned, &run, output);
                maintenance::tell(session, &run.id, output).await?;
            }
            Err(Failure::Unreachable(text)) => {
                return Err(Failure::Unreachable(text).and(&not_begun(rest, kind)));
            }
            Err(stopped @ (Failure::Interrupted(_) | Failure::TimedOut(_))) => {
                output.error(stopped.to_string());
                return Err(left_off(&interrupts, rest, kind));
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
fn left_off(interrupts: &Interrupts, rest: usize, kind: &str) -> Failure {
    match interrupts.stopped() {
        Some(Stop::Timeout(_)) => Failure::TimedOut(not_begun(rest, kind)),
        _ => Failure::Interrupted(not_begun(rest, kind)),
    }
}

fn not_begun(rest: usize, kind: &str) -> String {
    let rest = counted(i64::try_from(rest).unwrap_or(i64::MAX), kind);
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
    let requester = options.requester();
    let enqueued = requests::enqueue_one(session, server, planned.clone(), requester).await?;
    let id = match enqueued.outcome {
        Outcome::New(id) | Outcome::TakenOver(id) => id,
        Outcome::Conflict(run) => {
            let Run { id, job, status, .. } = *run;
            return Err(Failure::AlreadyQueued { id, job, status });
        }
    };
    Box::pin(inline::inline(session, server, &planned.job, &id, interrupts, output)).await
}

impl Ends {
    /// Reports and counts how a run ended.
    fn note(&mut self, planned: &Planned, run: &Run, output: Output) {
        output.object(&RunView::of(run));
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
