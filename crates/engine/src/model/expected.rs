//! What the ledger should hold, in plain Rust.

use std::mem;

use serde_json::json;

use super::{
    operation::{Meanwhile, Outcome},
    run::Run,
    stage::{MAX_CRASHES, OPERATOR, OTHER},
};
use crate::{Ended, Status, ledger::Control};

/// A claim, as its worker knows it.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) run: usize,
    pub(super) owner: String,
    pub(super) fence: i64,
    crashes: i32,
    fresh: bool,
    pub(super) tries: u32,
    /// Number of items that failed in a row.
    pub(super) failing: u32,
    pub(super) stopping: bool,
}

/// Outcome of a turn of the loop.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Again,
    Ended(Ended),
    /// The process died during the turn.
    Died,
}

/// All runs of a case, in the order of their requests.
#[derive(Debug)]
pub(super) struct Model {
    items: i64,
    pub(super) runs: Vec<Run>,
}

impl Model {
    pub(super) fn new(items: i64) -> Self {
        Self { items, runs: Vec::new() }
    }

    /// Requests a run. Returns the unfinished run that prevents it, if there is one.
    pub(super) fn enqueue(&mut self) -> Option<usize> {
        let unfinished = self.runs.iter().position(|run| !run.status.is_finished());
        if unfinished.is_none() {
            self.runs.push(Run::new(self.items));
        }
        unfinished
    }

    pub(super) fn due(&self, again: bool) -> Vec<usize> {
        let due = |run: &Run| run.is_due() && (again || !run.notified);
        (0..self.runs.len()).filter(|number| due(&self.runs[*number])).collect()
    }

    pub(super) fn claim(&mut self, number: usize, owner: &str) -> Option<Held> {
        let run = &mut self.runs[number];
        if !run.is_due() {
            return None;
        }
        let event = match (run.status, run.cursor) {
            (Status::Running, _) => Some("taken_over"),
            _ if run.waits_for.is_some() => None,
            (_, None) => Some("started"),
            (_, Some(_)) => Some("resumed"),
        };
        run.checks += i64::from(event.is_none());
        run.crashes += i32::from(run.status == Status::Running);
        run.status = Status::Running;
        run.fence += 1;
        run.lease_owner = Some(owner.to_owned());
        run.leased = Some(true);
        run.notified = false;
        run.started = true;
        if let Some(event) = event {
            run.tell(event, owner, json!({ "fence": run.fence }));
        }
        let Run { fence, crashes, .. } = *run;
        let owner = owner.to_owned();
        Some(Held {
            run: number,
            owner,
            fence,
            crashes,
            fresh: true,
            tries: 0,
            failing: 0,
            stopping: false,
        })
    }

    /// Whether a claim still holds.
    pub(super) fn renew(&mut self, held: &Held) -> bool {
        let run = &mut self.runs[held.run];
        let holds = run.is_held(held);
        if holds {
            run.leased = Some(true);
        }
        holds
    }

    pub(super) fn pause(&mut self, number: usize) -> Result<Status, &'static str> {
        self.runs[number].stop(Status::Paused, Control::Pause, "pause_requested")
    }

    pub(super) fn cancel(&mut self, number: usize) -> Result<Status, &'static str> {
        self.runs[number].stop(Status::Cancelled, Control::Cancel, "cancel_requested")
    }

    pub(super) fn resume(&mut self, number: usize) -> Result<Status, &'static str> {
        let run = &mut self.runs[number];
        match run.status {
            Status::Paused => {
                let failures = run.failures;
                run.requeue();
                run.failures = failures;
            }
            Status::Running => run.control = Control::Run,
            _ => return Err("status"),
        }
        run.tell("resume_requested", OPERATOR, json!({}));
        Ok(run.status)
    }

    pub(super) fn retry(&mut self, number: usize) -> Result<Status, &'static str> {
        self.may_retry(number)?;
        let run = &mut self.runs[number];
        run.requeue();
        run.tell("retry_requested", OPERATOR, json!({ "items": run.parked_items.len() }));
        Ok(run.status)
    }

    fn may_retry(&self, number: usize) -> Result<(), &'static str> {
        let left = [Status::Incomplete, Status::Failed, Status::Cancelled];
        if !left.contains(&self.runs[number].status) {
            return Err("status");
        }
        if self.runs.iter().any(|run| !run.status.is_finished()) {
            return Err("superseded");
        }
        Ok(())
    }

    pub(super) fn retry_parked(&mut self, number: usize) -> Result<Status, &'static str> {
        self.may_retry(number)?;
        let run = &mut self.runs[number];
        if run.parked_items.is_empty() {
            return Err("nothing parked");
        }
        let more = Some(run.done + run.parked) < run.total;
        run.parked_retry_of = match run.status {
            Status::Cancelled => Some(Status::Cancelled),
            Status::Failed if more => Some(Status::Failed),
            _ => None,
        };
        run.requeue();
        run.tell("parked_retry_requested", OPERATOR, json!({ "items": run.parked_items.len() }));
        Ok(run.status)
    }

    /// Whether a turn would get as far as reading the cursor.
    pub(super) fn reads_cursor(&self, held: &Held) -> bool {
        let run = &self.runs[held.run];
        let gives_up = held.fresh && held.crashes >= MAX_CRASHES;
        run.is_held(held)
            && run.control == Control::Run
            && run.cursor.is_some()
            && run.parked_retry_of.is_none()
            && run.parked_items.iter().all(|(.., again)| !again)
            && !held.stopping
            && !gives_up
    }

    /// Makes a turn that finds a cursor with a field `newer`.
    pub(super) fn release_to_newer(&mut self, held: &Held) -> Step {
        let reason = "its cursor cannot be read: unknown field `newer`".to_owned();
        let run = &mut self.runs[held.run];
        run.record_wait(&held.owner);
        run.give_back();
        run.tell("left", &held.owner, json!({ "reason": reason }));
        Step::Ended(Ended::LeftToNewer(reason))
    }

    /// Applies what happens between a turn's failure and the loop's reaction.
    pub(super) fn meanwhile(&mut self, number: usize, meanwhile: Meanwhile) {
        let _refused = match meanwhile {
            Meanwhile::Pause => self.pause(number),
            Meanwhile::Cancel => self.cancel(number),
            Meanwhile::TakeOver => {
                self.runs[number].leased = Some(false);
                let _dead = self.claim(number, OTHER);
                Ok(Status::Running)
            }
        };
    }

    /// Makes a turn of the loop that takes `limit` items.
    pub(super) fn turn(
        &mut self,
        held: &mut Held,
        outcome: Outcome,
        limit: i64,
        meanwhile: Option<Meanwhile>,
    ) -> Step {
        let items = self.items;
        let run = &mut self.runs[held.run];
        if !run.is_held(held) {
            return Step::Ended(Ended::Lost);
        }
        if mem::take(&mut held.fresh) && held.crashes >= MAX_CRASHES {
            let crashes = held.crashes;
            return run.fail(
                &held.owner,
                format!(
                    "{crashes} workers in a row died or fell silent over this run without a step"
                ),
            );
        }
        match run.control {
            Control::Pause => return run.end(Status::Paused, &held.owner, None, Ended::Paused),
            Control::Cancel => {
                return run.end(Status::Cancelled, &held.owner, None, Ended::Cancelled);
            }
            Control::Run if held.stopping => {
                run.record_wait(&held.owner);
                run.give_back();
                run.later = false;
                run.tell("interrupted", &held.owner, json!({ "error": null, "delay_s": null }));
                return Step::Ended(Ended::Interrupted);
            }
            Control::Run => {}
        }
        let done = run.done;
        match run.work(items, &held.owner, outcome, limit) {
            Ok(step) => {
                held.tries = 0;
                if run.done > done {
                    held.failing = 0;
                }
                step
            }
            Err(trouble) => {
                if let Some(meanwhile) = meanwhile {
                    self.meanwhile(held.run, meanwhile);
                }
                self.runs[held.run].handle_failure(items, held, trouble, limit)
            }
        }
    }
}
