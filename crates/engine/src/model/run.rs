//! What may happen to one run, in plain Rust.

use std::time::Duration;

use serde_json::{Value, json};
use sqlx::FromRow;

use super::{
    expected::{Held, Step},
    operation::Outcome,
    stage::{FAILURES_MAX, IN_A_ROW_MAX, MAX_ATTEMPTS, OPERATOR, QUICK_TRIES},
    tally::wait,
};
use crate::{Ended, Status, ledger::Control, run_loop::nothing_done};

/// A run: every column that is not about identity, its dependent rows, and the effects of its job.
#[derive(Debug, Clone, PartialEq, FromRow)]
pub(super) struct Run {
    pub(super) status: Status,
    pub(super) control: Control,
    /// Number of times that the recount demanded another pass.
    pub(super) set_back: i32,
    pub(super) cursor: Option<i64>,
    pub(super) done: i64,
    pub(super) parked: i64,
    pub(super) total: Option<i64>,
    pub(super) attempt: i32,
    pub(super) crashes: i32,
    /// Items that failed since the run was requested or retried.
    pub(super) failures: i64,
    pub(super) last_error: Option<String>,
    /// Status of the run before only its parked items were retried.
    pub(super) parked_retry_of: Option<Status>,
    /// What its latest claims ended by waiting for, and how often it has checked since.
    pub(super) waits_for: Option<String>,
    pub(super) checks: i64,
    pub(super) fence: i64,
    pub(super) lease_owner: Option<String>,
    /// Whether the lease still lasts, if there is one.
    pub(super) leased: Option<bool>,
    /// Whether the run is to start later.
    pub(super) later: bool,
    pub(super) notified: bool,
    pub(super) started: bool,
    pub(super) finished: bool,
    /// Name, actor and detail of each event.
    #[sqlx(json)]
    pub(super) events: Vec<(String, String, Value)>,
    /// Item, reason and SQLSTATE, and whether the item is still to be retried.
    #[sqlx(json)]
    pub(super) parked_items: Vec<(String, String, Option<String>, bool)>,
    /// Items that were done, each as often as it was done.
    pub(super) effects: Vec<i64>,
}

/// Reason why a turn failed.
pub(super) enum Trouble {
    Row(&'static str),
    Retry(&'static str),
    Fail(String),
}

impl Run {
    pub(super) fn new(items: i64) -> Self {
        let queued = json!({ "total": items, "reason": null });
        Self {
            status: Status::Queued,
            control: Control::Run,
            set_back: 0,
            cursor: None,
            done: 0,
            parked: 0,
            total: Some(items),
            attempt: 0,
            crashes: 0,
            failures: 0,
            last_error: None,
            parked_retry_of: None,
            waits_for: None,
            checks: 0,
            fence: 0,
            lease_owner: None,
            leased: None,
            later: false,
            notified: false,
            started: false,
            finished: false,
            events: vec![("queued".to_owned(), OPERATOR.to_owned(), queued)],
            parked_items: Vec::new(),
            effects: Vec::new(),
        }
    }

    pub(super) fn tell(&mut self, event: &str, actor: &str, detail: Value) {
        self.events.push((event.to_owned(), actor.to_owned(), detail));
    }

    pub(super) fn record_wait(&mut self, actor: &str) {
        let waited = self.waits_for.take();
        let checks = std::mem::take(&mut self.checks);
        if let Some(reason) = waited.filter(|_| checks > 0) {
            self.tell("waited", actor, json!({ "for": reason, "checks": checks }));
        }
    }

    pub(super) fn is_due(&self) -> bool {
        match self.status {
            Status::Queued => !self.later,
            Status::Running => self.leased == Some(false),
            _ => false,
        }
    }

    pub(super) fn is_held(&self, held: &Held) -> bool {
        self.status == Status::Running && self.fence == held.fence
    }

    pub(super) fn stop(
        &mut self,
        to: Status,
        control: Control,
        asked: &str,
    ) -> Result<Status, &'static str> {
        match self.status {
            Status::Running => {
                self.control = control;
                self.tell(asked, OPERATOR, json!({}));
            }
            from if from != to && from.may_become(to) => {
                self.record_wait(OPERATOR);
                self.status = to;
                self.finished = to == Status::Cancelled;
                self.parked_retry_of.take_if(|_| to == Status::Cancelled);
                self.tell(to.name(), OPERATOR, json!({}));
            }
            _ => return Err("status"),
        }
        Ok(self.status)
    }

    /// Queues the run again for what is left, parked items included.
    pub(super) fn requeue(&mut self) {
        if self.status.is_finished() {
            for (.., again) in &mut self.parked_items {
                *again = true;
            }
        }
        self.failures = 0;
        self.status = Status::Queued;
        self.control = Control::Run;
        (self.attempt, self.crashes, self.set_back) = (0, 0, 0);
        (self.finished, self.notified, self.later) = (false, false, false);
    }

    pub(super) fn give_back(&mut self) {
        self.status = Status::Queued;
        self.leased = None;
        self.notified = false;
    }

    pub(super) fn end(
        &mut self,
        status: Status,
        owner: &str,
        error: Option<String>,
        ended: Ended,
    ) -> Step {
        self.record_wait(owner);
        self.status = status;
        self.control = Control::Run;
        self.leased = None;
        self.finished = status != Status::Paused;
        self.parked_retry_of.take_if(|_| status != Status::Paused);
        if status == Status::Succeeded {
            self.total = Some(self.done + self.parked);
        }
        let Self { done, total, parked, .. } = *self;
        let detail = json!({ "done": done, "total": total, "parked": parked, "error": error });
        self.tell(status.name(), owner, detail);
        self.last_error = error.or(self.last_error.take());
        Step::Ended(ended)
    }

    pub(super) fn fail(&mut self, owner: &str, error: String) -> Step {
        self.end(Status::Failed, owner, Some(error.clone()), Ended::Failed(error))
    }

    /// Stores a checkpoint.
    fn advance(&mut self, cursor: i64, done: i64) {
        self.cursor = Some(cursor);
        self.done += done;
        (self.attempt, self.crashes) = (0, 0);
        self.leased = Some(true);
    }

    fn park(&mut self, owner: &str, item: i64, reason: &str, sqlstate: Option<&str>) {
        let item = item.to_string();
        self.parked += 1;
        self.tell("parked", owner, json!({ "item": item, "reason": reason }));
        self.parked_items.push((item, reason.to_owned(), sqlstate.map(str::to_owned), false));
    }

    /// Makes the plan, or a batch.
    pub(super) fn work(
        &mut self,
        items: i64,
        owner: &str,
        outcome: Outcome,
        limit: i64,
    ) -> Result<Step, Trouble> {
        let trouble = |empty: bool| match outcome {
            Outcome::Row if !empty => Err(Trouble::Row("a bad row")),
            Outcome::Retry => Err(Trouble::Retry("a deadlock")),
            Outcome::Fail => Err(Trouble::Fail("no right".to_owned())),
            Outcome::Refuse => Err(Trouble::Fail("not this one".to_owned())),
            _ => Ok(()),
        };
        if let Some(place) = self.parked_items.iter().position(|(.., again)| *again) {
            if outcome == Outcome::DieInBatch {
                return Ok(Step::Died);
            }
            if outcome != Outcome::Row {
                trouble(false)?;
            }
            self.retry_one(owner, outcome, place);
            return Ok(Step::Again);
        }
        if let Some(before) = self.parked_retry_of {
            return Ok(self.end_as_before(owner, before));
        }
        let Some(at) = self.cursor else {
            // No item is to blame for a failure of the plan.
            trouble(false).map_err(|trouble| match trouble {
                Trouble::Row(reason) => Trouble::Fail(reason.to_owned()),
                other => other,
            })?;
            self.cursor = Some(0);
            self.total = Some(items);
            self.tell("planned", owner, json!({ "total": items }));
            return Ok(Step::Again);
        };
        let last = items.min(at + limit);
        let is_last = last == items;
        if outcome == Outcome::DieInBatch || (is_last && outcome == Outcome::DieInFinish) {
            return Ok(Step::Died);
        }
        trouble(at == last)?;
        if is_last && outcome == Outcome::RowInFinish {
            return Err(Trouble::Fail("a bad recount".to_owned()));
        }
        let left = is_last && outcome == Outcome::LeftInFinish;
        if left {
            self.may_be_set_back()?;
        }
        let mut first = at + 1;
        if outcome == Outcome::Park && self.next(items, at) == Some(first) {
            self.park(owner, first, "its rule", None);
            first += 1;
        }
        let missing: Vec<i64> =
            (first..=last).filter(|item| !self.effects.contains(item)).collect();
        self.effects.extend(&missing);
        self.effects.sort_unstable();
        self.advance(last, i64::try_from(missing.len()).unwrap_or(i64::MAX));
        if left {
            return Ok(self.set_back(owner));
        }
        if is_last {
            return Ok(self.come_to_its_end(owner));
        }
        if outcome == Outcome::Wait {
            self.give_back();
            self.later = true;
            let wait = wait();
            let detail = json!({ "delay_s": wait.delay.as_secs_f64(), "for": wait.reason });
            if self.waits_for.is_none() {
                self.tell("waiting", owner, detail);
                self.waits_for = Some(wait.reason.clone());
            }
            return Ok(Step::Ended(Ended::Waiting(wait)));
        }
        Ok(Step::Again)
    }

    /// Next item that was not done yet.
    fn next(&self, items: i64, at: i64) -> Option<i64> {
        (at + 1..=items).find(|item| !self.effects.contains(item))
    }

    /// Fails if the run was set back too often.
    fn may_be_set_back(&self) -> Result<(), Trouble> {
        if self.set_back < 3 {
            return Ok(());
        }
        let parked = self.parked;
        Err(Trouble::Fail(format!(
            "the recount found {} items where only the {parked} parked ones should be left, also \
             after the run had gone over all of them 3 times more: somebody goes on writing them. \
             ostrakon runs retry goes over them again",
            parked + 1
        )))
    }

    /// Goes back to the beginning, and drops the parked items.
    fn set_back(&mut self, owner: &str) -> Step {
        let Self { parked, done, .. } = *self;
        let detail = json!({ "left": parked + 1, "parked": parked, "of": "items" });
        self.tell("set_back", owner, detail);
        self.set_back += 1;
        self.cursor = Some(0);
        self.parked = 0;
        self.parked_items.clear();
        self.failures = 0;
        self.parked_retry_of = None;
        self.total = self.total.max(Some(done + parked + 1));
        self.leased = Some(true);
        Step::Again
    }

    /// Retries a parked item; one that stays parked goes behind the others.
    fn retry_one(&mut self, owner: &str, outcome: Outcome, place: usize) {
        let (item, ..) = self.parked_items.remove(place);
        match outcome {
            Outcome::Row => {
                let (reason, sqlstate) = ("a bad row".to_owned(), Some("22012".to_owned()));
                self.parked_items.push((item, reason, sqlstate, false));
            }
            Outcome::Park => self.parked_items.push((item, "its rule".to_owned(), None, false)),
            _ => {
                self.effects.extend(item.parse::<i64>());
                self.effects.sort_unstable();
                self.done += 1;
                self.parked -= 1;
                self.tell("unparked", owner, json!({ "item": item }));
            }
        }
        (self.attempt, self.crashes) = (0, 0);
        self.leased = Some(true);
    }

    /// Ends the run; parked items never count as success.
    fn come_to_its_end(&mut self, owner: &str) -> Step {
        self.total = Some(self.done + self.parked);
        match (self.done, self.parked) {
            (_, 0) => self.end(Status::Succeeded, owner, None, Ended::Succeeded),
            (0, parked) => self.fail(owner, nothing_done(parked)),
            _ => self.end(Status::Incomplete, owner, None, Ended::Incomplete),
        }
    }

    /// Ends the run with its previous status.
    fn end_as_before(&mut self, owner: &str, before: Status) -> Step {
        let ended = match before {
            Status::Cancelled => Ended::Cancelled,
            _ => Ended::Failed("only its parked items were tried again".to_owned()),
        };
        self.end(before, owner, None, ended)
    }

    /// Reacts to a failed turn, as the loop does.
    pub(super) fn handle_failure(
        &mut self,
        items: i64,
        held: &mut Held,
        trouble: Trouble,
        limit: i64,
    ) -> Step {
        match trouble {
            Trouble::Row(_) if limit > 1 => return Step::Again,
            Trouble::Retry(_) if held.tries < QUICK_TRIES => {
                held.tries += 1;
                return Step::Again;
            }
            _ if !self.is_held(held) => return Step::Ended(Ended::Lost),
            _ => {}
        }
        let owner = &held.owner;
        if let Trouble::Row(reason) = trouble {
            held.failing += 1;
            if held.failing > IN_A_ROW_MAX {
                return self.fail(owner, in_a_row(reason));
            }
            if self.failures == FAILURES_MAX
                && self.cursor.and_then(|at| self.next(items, at)).is_some()
            {
                return self.fail(owner, too_many(reason));
            }
        }
        match (trouble, self.control) {
            (Trouble::Row(reason), _) => match self.cursor.and_then(|at| self.next(items, at)) {
                Some(next) => {
                    self.park(owner, next, reason, Some("22012"));
                    self.failures += 1;
                    self.advance(next, 0);
                    held.tries = 0;
                    Step::Again
                }
                None => self.fail(owner, reason.to_owned()),
            },
            (Trouble::Fail(reason), _) => self.fail(owner, reason),
            (Trouble::Retry(reason), _) if self.attempt + 1 >= MAX_ATTEMPTS => {
                self.fail(owner, reason.to_owned())
            }
            (Trouble::Retry(_), Control::Pause) => {
                self.end(Status::Paused, owner, None, Ended::Paused)
            }
            (Trouble::Retry(_), Control::Cancel) => {
                self.end(Status::Cancelled, owner, None, Ended::Cancelled)
            }
            (Trouble::Retry(reason), Control::Run) => {
                // The first delay is enough: there are two attempts.
                let delay = Duration::from_secs(5);
                self.record_wait(owner);
                self.give_back();
                self.attempt += 1;
                self.later = true;
                self.last_error = Some(reason.to_owned());
                let detail = json!({ "error": reason, "delay_s": delay.as_secs_f64() });
                self.tell("retrying", owner, detail);
                Step::Ended(Ended::Retrying(reason.to_owned(), delay))
            }
        }
    }
}

fn in_a_row(reason: &str) -> String {
    format!(
        "more than {IN_A_ROW_MAX} items one after the other failed for the same cause and nothing was done \
         in between, so the cause is not in the items; the last one: {reason}"
    )
}

fn too_many(reason: &str) -> String {
    format!("more than {FAILURES_MAX} items failed; the last one: {reason}")
}
