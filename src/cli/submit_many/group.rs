//! A list of runs in the ledger, and how they are done while the user waits.

use ostrakon_engine::{Status, ledger::Run};
use ostrakon_server::Server;

use super::number;
use crate::{
    cli::{
        Failure, Output, follow, inline, maintenance,
        submit::{RunOptions, conclude, report_queued},
    },
    numbers::counted,
    requests::{self, Enqueued, GroupView, Interrupts, Outcome, Planned, Queued, RunView, Stop},
    session::Session,
};

/// New runs of a list.
pub(super) struct Group {
    /// Its id; `None` for a single run.
    id: Option<String>,
    /// What it is about: `3 hosts`.
    subject: String,
    /// Its runs, in the order of the list.
    pub(super) runs: Vec<Queued>,
}

/// Writes all runs or none. Reports and skips those that another process has queued meanwhile.
pub(super) async fn enqueue(
    session: &Session,
    server: &Server,
    mut list: Vec<Planned>,
    kind: &str,
    options: &RunOptions,
    output: Output,
) -> Result<Group, Failure> {
    let subject = number(&list, kind);
    let requester = options.requester();
    let single = if list.len() == 1 { list.pop() } else { None };
    let (id, enqueued) = if let Some(planned) = single {
        (None, vec![requests::enqueue_one(session, server, planned, requester).await?])
    } else {
        let (id, enqueued) =
            requests::enqueue_group(session, server, list, &subject, requester).await?;
        (Some(id), enqueued)
    };
    let is_new = |enqueued: &Enqueued| matches!(enqueued.outcome, Outcome::New(_));
    let id = id.filter(|_| enqueued.iter().any(is_new));
    let mut runs = Vec::with_capacity(enqueued.len());
    for Enqueued { planned, outcome } in enqueued {
        match outcome {
            Outcome::New(id) | Outcome::TakenOver(id) => runs.push(Queued { id, planned }),
            Outcome::Conflict(_) => {
                let subject = planned.job.subject();
                output.note(format!("{subject}: another session has queued it meanwhile"));
            }
        }
    }
    Ok(Group { id, subject, runs })
}

impl Group {
    /// Reports what was queued.
    pub(super) fn report_queued(&self, output: Output) {
        let Some(first) = self.runs.first() else { return };
        let Some(id) = &self.id else { return report_queued(first, output) };
        let job = first.planned.job.name();
        output.result(format!("Queued {job} for {} as group {id}.", self.subject));
        output.note(format!("Follow it with: ostrakon runs watch {id}"));
    }

    /// Follows the runs to their end.
    pub(super) async fn wait(
        &self,
        session: &Session,
        options: &RunOptions,
        output: Output,
    ) -> Result<(), Failure> {
        let timeout = options.wait_timeout;
        if let Some(id) = &self.id {
            follow::wait_group(session, id, timeout, output).await?;
        } else {
            for Queued { id, .. } in &self.runs {
                follow::wait(session, id, timeout, output).await?;
            }
        }
        let ids: Vec<String> = self.runs.iter().map(|run| run.id.clone()).collect();
        let ended = requests::find_all(session, &ids).await?;
        let mut ends = Ends::default();
        for Queued { id, planned } in &self.runs {
            if let Some(run) = ended.iter().find(|run| run.id == *id) {
                ends.note(planned, run, output);
            }
        }
        self.show_group(session, output).await?;
        ends.conclude()
    }

    /// Does the runs in this process, one after another. Whatever stops it leaves the rest paused.
    pub(super) async fn run_inline(
        &mut self,
        session: &Session,
        server: &Server,
        options: &RunOptions,
        output: Output,
    ) -> Result<(), Failure> {
        let mut ends = Ends::default();
        let mut interrupts = Interrupts::listen(options.wait_timeout)?;
        let runs = std::mem::take(&mut self.runs);
        let mut rest = runs.len();
        for Queued { id, planned } in &runs {
            // Includes a signal that arrived during a ledger query.
            tokio::select! {
                biased;
                _ = interrupts.next() => {}
                () = std::future::ready(()) => {}
            }
            if interrupts.stopped().is_some() {
                return Err(self.left_off(&interrupts, rest));
            }
            rest -= 1;
            match self.one(session, server, planned, id, &mut interrupts, output).await {
                Ok(run) => {
                    ends.note(planned, &run, output);
                    maintenance::tell(session, &run.id, output).await?;
                }
                Err(Failure::Unreachable(text)) => {
                    return Err(Failure::Unreachable(text).and(&self.not_begun(rest)));
                }
                Err(stopped @ (Failure::Interrupted(_) | Failure::TimedOut(_))) => {
                    output.error(stopped.to_string());
                    return Err(self.left_off(&interrupts, rest));
                }
                Err(failure) => {
                    output.error(format!("{}: {failure}", planned.job.subject()));
                    // Somebody has paused the group, whose other runs were held back already.
                    if requests::find(session, id).await?.status == Status::Paused {
                        return Err(Failure::Failed(self.not_begun(rest)));
                    }
                    ends.failed += 1;
                }
            }
        }
        self.show_group(session, output).await?;
        ends.conclude()
    }

    /// Does one run, whose turn it is.
    async fn one(
        &self,
        session: &Session,
        server: &Server,
        planned: &Planned,
        id: &str,
        interrupts: &mut Interrupts,
        output: Output,
    ) -> Result<Run, Failure> {
        if self.id.is_some() {
            requests::release_held(session, id).await?;
        }
        Box::pin(inline::inline(session, server, &planned.job, id, interrupts, output)).await
    }

    /// Result of a list that was stopped with `rest` runs not started.
    fn left_off(&self, interrupts: &Interrupts, rest: usize) -> Failure {
        match interrupts.stopped() {
            Some(Stop::Timeout(_)) => Failure::TimedOut(self.not_begun(rest)),
            _ => Failure::Interrupted(self.not_begun(rest)),
        }
    }

    fn not_begun(&self, rest: usize) -> String {
        let rest = counted(i64::try_from(rest).unwrap_or(i64::MAX), "runs");
        match &self.id {
            Some(id) => format!(
                "group {id} is paused, {rest} not started. Resume it with: ostrakon runs resume \
                 {id} (a worker then continues it). Stop it for good with: ostrakon runs cancel {id}"
            ),
            None => format!("{rest} not started: run the command again for them"),
        }
    }

    /// Shows the runs and the group as JSON.
    pub(super) async fn show_json(&self, session: &Session, output: Output) -> Result<(), Failure> {
        if !output.json {
            return Ok(());
        }
        let ids: Vec<String> = self.runs.iter().map(|run| run.id.clone()).collect();
        for run in requests::find_all(session, &ids).await? {
            output.object(&RunView::of(&run));
        }
        self.show_group(session, output).await
    }

    async fn show_group(&self, session: &Session, output: Output) -> Result<(), Failure> {
        if let Some(id) = self.id.as_deref().filter(|_| output.json) {
            output.object(&GroupView::of(&requests::find_group(session, id).await?));
        }
        Ok(())
    }
}

/// Number of failed and incomplete runs so far.
#[derive(Default)]
struct Ends {
    failed: i64,
    incomplete: i64,
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
