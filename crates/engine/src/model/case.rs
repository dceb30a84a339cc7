//! One sequence of operations, on both sides.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::{
    expected::{Held, Model, Step},
    operation::{Meanwhile, Operation, Outcome, Pick, Sequence},
    run::Run,
    stage::{EXPIRE, LEASE, OPERATOR, Stage, Worker, delay},
};
use crate::{
    Class, Status,
    ledger::{self, ControlError, Enqueued, Renewed},
};

/// Maximum number of worker processes at the same time.
const WORKERS: usize = 3;

/// A case under way.
pub(super) struct Case<'a> {
    stage: &'a Stage,
    items: i64,
    model: Model,
    /// Ids of the model's runs.
    ids: Vec<String>,
    /// Claim of each worker, in the model and on the stage.
    workers: [Option<(Held, Worker)>; WORKERS],
    /// Notifications, each the number of its run.
    notification: Vec<usize>,
    /// Number of names given to jobs.
    names: usize,
}

impl<'a> Case<'a> {
    /// Applies all operations, and compares after each.
    pub(super) async fn check(stage: &'a Stage, sequence: &Sequence) -> Result<()> {
        let Sequence { items, operations } = sequence;
        let items = *items;
        stage.clear().await?;
        let mut case = Self {
            stage,
            items,
            model: Model::new(items),
            ids: Vec::new(),
            workers: [const { None }; WORKERS],
            notification: Vec::new(),
            names: 0,
        };
        case.enqueue(true).await?;
        for (number, operation) in operations.iter().enumerate() {
            let before: Vec<Status> = case.model.runs.iter().map(|run| run.status).collect();
            let reported = || format!("operation {number}, {operation:?}");
            if case.apply(*operation).await.with_context(reported)? {
                case.compare(&before).await.with_context(reported)?;
            }
        }
        Ok(())
    }

    /// Compares everything with the model, and the model with its invariants.
    async fn compare(&self, before: &[Status]) -> Result<()> {
        let found = self.stage.look(&self.ids).await?;
        ensure!(found.len() == self.ids.len(), "{} runs", found.len());
        for (found, expected) in found.iter().zip(&self.model.runs) {
            ensure!(found == expected, "expected {expected:#?}\nfound {found:#?}");
            always(expected)?;
        }
        for (was, run) in before.iter().zip(&found) {
            let is = run.status;
            ensure!(*was == is || was.may_become(is), "{was} became {is}");
        }
        Ok(())
    }

    /// Applies one operation. Returns false if there is nothing to apply it to.
    async fn apply(&mut self, operation: Operation) -> Result<bool> {
        match operation {
            Operation::Enqueue { notifies } => self.enqueue(notifies).await?,
            Operation::Notify { again } => self.notify(again).await?,
            Operation::Deliver(pick) => return self.deliver(pick).await,
            Operation::Duplicate(pick) => {
                self.notification.extend(pick.of(&self.notification));
                return Ok(false);
            }
            Operation::Acknowledge(pick) => {
                let places: Vec<usize> = (0..self.notification.len()).collect();
                pick.of(&places).map(|place| self.notification.swap_remove(place));
                return Ok(false);
            }
            Operation::LoseAll => {
                self.notification.clear();
                return Ok(false);
            }
            Operation::Renew(pick) => return self.renew(pick).await,
            Operation::Expire(pick) => return self.expire(pick).await,
            Operation::Elapse(pick) | Operation::Hasten(pick) => {
                let hastens = matches!(operation, Operation::Hasten(_));
                return self.elapse(pick, hastens).await;
            }
            Operation::Pause(_)
            | Operation::Resume(_)
            | Operation::Cancel(_)
            | Operation::Retry(_)
            | Operation::RetryParked(_) => self.control(operation).await?,
            Operation::Turn(pick, outcome) => return self.turn(pick, outcome, None, false).await,
            Operation::TurnAnd(pick, outcome, meanwhile) => {
                return self.turn(pick, outcome, Some(meanwhile), false).await;
            }
            Operation::Crash(pick, outcome) => return self.turn(pick, outcome, None, true).await,
            Operation::Die(pick) => {
                if let Some(worker) = self.busy(pick) {
                    self.workers[worker] = None;
                }
                return Ok(false);
            }
            Operation::Stop(pick) => {
                if let Some((held, worker)) = self.busy(pick).and_then(|w| self.workers[w].as_mut())
                {
                    held.stopping = true;
                    worker.stop.cancel();
                }
                return Ok(false);
            }
            Operation::NewerCursor(pick) => return self.newer_cursor(pick).await,
        }
        Ok(true)
    }

    /// Picks a worker that holds a claim, or believes that it does.
    fn busy(&self, pick: Pick) -> Option<usize> {
        let busy: Vec<usize> = (0..WORKERS).filter(|w| self.workers[*w].is_some()).collect();
        pick.of(&busy)
    }

    /// Picks a run for which a condition holds in the model.
    fn run(&self, pick: Pick, condition: impl Fn(&Run) -> bool) -> Option<usize> {
        let runs = &self.model.runs;
        let there: Vec<usize> =
            (0..runs.len()).filter(|number| condition(&runs[*number])).collect();
        pick.of(&there)
    }

    async fn enqueue(&mut self, notifies: bool) -> Result<()> {
        self.names += 1;
        let enqueued = self.stage.enqueue(&format!("tally {}", self.names), self.items).await?;
        match (self.model.enqueue(), enqueued) {
            (None, Enqueued::New { id }) => self.ids.push(id),
            (Some(number), Enqueued::Already(run)) => {
                let ledger::Run { id, status, .. } = *run;
                let run = &self.model.runs[number];
                ensure!(
                    id == self.ids[number] && status == run.status,
                    "another stands in the way"
                );
                return Ok(());
            }
            (expected, found) => anyhow::bail!("expected {expected:?} in the way, found {found:?}"),
        }
        if notifies {
            let newest = self.ids.len() - 1;
            let mut db = self.stage.db.lock().await;
            ledger::mark_notified(&mut db, &self.ids[newest..]).await?;
            self.model.runs[newest].notified = true;
            self.notification.push(newest);
        }
        Ok(())
    }

    async fn notify(&mut self, again: bool) -> Result<()> {
        let timeout = if again { Duration::ZERO } else { Duration::from_hours(1) };
        let mut db = self.stage.db.lock().await;
        let due = ledger::due(&mut db, Class::Short.name(), timeout, 100).await?;
        let mut found: Vec<String> = due.into_iter().map(|run| run.id).collect();
        let expected = self.model.due(again);
        let mut wanted: Vec<String> =
            expected.iter().map(|number| self.ids[*number].clone()).collect();
        found.sort_unstable();
        wanted.sort_unstable();
        ensure!(found == wanted, "due are {found:?} and not {wanted:?}");
        if !found.is_empty() {
            ledger::mark_notified(&mut db, &found).await?;
        }
        for number in expected {
            self.model.runs[number].notified = true;
            self.notification.push(number);
        }
        Ok(())
    }

    async fn deliver(&mut self, pick: Pick) -> Result<bool> {
        let free = self.workers.iter().position(Option::is_none);
        let (Some(number), Some(worker)) = (pick.of(&self.notification), free) else {
            return Ok(false);
        };
        let owner = format!("worker {worker}");
        let mut db = self.stage.db.lock().await;
        let claim = ledger::claim(&mut db, &self.ids[number], &owner, LEASE).await?;
        match (self.model.claim(number, &owner), claim) {
            (None, None) => {}
            (Some(held), Some(claim)) => {
                self.workers[worker] = Some((held, Worker::new(self.stage, claim)?));
            }
            (expected, found) => anyhow::bail!("expected {expected:?}, found {found:?}"),
        }
        Ok(true)
    }

    async fn renew(&mut self, pick: Pick) -> Result<bool> {
        let Some((held, worker)) = self.busy(pick).and_then(|w| self.workers[w].as_mut()) else {
            return Ok(false);
        };
        let mut db = self.stage.db.lock().await;
        let found = ledger::renew(&mut db, &worker.claim, LEASE).await?;
        let expected = if self.model.renew(held) { Renewed::Yes } else { Renewed::Lost };
        ensure!(found == expected, "{found:?} and not {expected:?}");
        Ok(true)
    }

    async fn expire(&mut self, pick: Pick) -> Result<bool> {
        let Some(number) = self.run(pick, |run| run.leased == Some(true)) else { return Ok(false) };
        self.stage.meddle(EXPIRE, &self.ids[number]).await?;
        self.model.runs[number].leased = Some(false);
        Ok(true)
    }

    async fn elapse(&mut self, pick: Pick, hastens: bool) -> Result<bool> {
        let Some(number) = self.run(pick, |run| run.later) else { return Ok(false) };
        let id = &self.ids[number];
        let run = &mut self.model.runs[number];
        if hastens {
            ledger::make_due_now(&mut *self.stage.db.lock().await, id).await?;
            run.later = run.status != Status::Queued;
        } else {
            let statement = "update ostrakon.runs set available_at = created_at where id = $1";
            self.stage.meddle(statement, id).await?;
            run.later = false;
        }
        Ok(true)
    }

    async fn control(&mut self, operation: Operation) -> Result<()> {
        let mut db = self.stage.db.lock().await;
        let (found, expected) = match operation {
            Operation::Pause(pick) => {
                let Some(number) = self.run(pick, |_| true) else { return Ok(()) };
                let found = ledger::pause(&mut db, &self.ids[number], OPERATOR).await;
                (found, self.model.pause(number))
            }
            Operation::Resume(pick) => {
                let Some(number) = self.run(pick, |_| true) else { return Ok(()) };
                let found = ledger::resume(&mut db, &self.ids[number], OPERATOR).await;
                (found, self.model.resume(number))
            }
            Operation::Cancel(pick) => {
                let Some(number) = self.run(pick, |_| true) else { return Ok(()) };
                let found = ledger::cancel(&mut db, &self.ids[number], OPERATOR).await;
                (found, self.model.cancel(number))
            }
            Operation::Retry(pick) => {
                let Some(number) = self.run(pick, |_| true) else { return Ok(()) };
                let found = ledger::retry(&mut db, &self.ids[number], OPERATOR).await;
                (found, self.model.retry(number))
            }
            Operation::RetryParked(pick) => {
                let Some(number) = self.run(pick, |run| run.parked > 0) else { return Ok(()) };
                let found = ledger::retry_parked(&mut db, &self.ids[number], OPERATOR).await;
                (found.map(|_items| Status::Queued), self.model.retry_parked(number))
            }
            other => anyhow::bail!("{other:?} is not an operator's"),
        };
        let found = match found {
            Ok(status) => Ok(status),
            Err(ControlError::Status { .. }) => Err("status"),
            Err(ControlError::Superseded { .. }) => Err("superseded"),
            Err(ControlError::NothingParked(_)) => Err("nothing parked"),
            Err(error) => return Err(error.into()),
        };
        ensure!(found == expected, "{found:?} and not {expected:?}");
        Ok(())
    }

    /// Makes a turn of the loop; with `dies`, the worker's last one.
    async fn turn(
        &mut self,
        pick: Pick,
        outcome: Outcome,
        meanwhile: Option<Meanwhile>,
        dies: bool,
    ) -> Result<bool> {
        let Some(number) = self.busy(pick) else { return Ok(false) };
        let Some((mut held, mut worker)) = self.workers[number].take() else { return Ok(false) };
        let expected = self.model.turn(&mut held, outcome, worker.limit(), meanwhile);
        let found = worker.step(self.stage, outcome, meanwhile).await?;
        ensure!(found == expected, "{found:?} and not {expected:?}");
        if let Some(delay) = delay(&found) {
            self.stage.put_off(&self.ids[held.run], delay).await?;
        }
        if found == Step::Again && !dies {
            self.workers[number] = Some((held, worker));
        }
        Ok(true)
    }

    async fn newer_cursor(&mut self, pick: Pick) -> Result<bool> {
        let Some(number) = self.busy(pick) else { return Ok(false) };
        let readable = |(held, _): &mut (Held, Worker)| self.model.reads_cursor(held);
        let Some((held, mut worker)) = self.workers[number].take_if(readable) else {
            return Ok(false);
        };
        let id = &self.ids[held.run];
        let newer =
            r#"update ostrakon.runs set cursor = cursor || '{"newer": true}' where id = $1"#;
        self.stage.meddle(newer, id).await?;
        let expected = self.model.release_to_newer(&held);
        let found = worker.step(self.stage, Outcome::Well, None).await?;
        ensure!(found == expected, "{found:?} and not {expected:?}");
        let known = "update ostrakon.runs set cursor = cursor - 'newer' where id = $1";
        self.stage.meddle(known, id).await?;
        Ok(true)
    }
}

/// Invariant of a run: each item up to the cursor was done once or parked, and no item after it,
/// unless the run was set back.
fn always(run: &Run) -> Result<()> {
    let parked = run.parked_items.iter().map(|(item, ..)| item.parse());
    let mut items = parked.collect::<Result<Vec<i64>, _>>()?;
    items.extend(&run.effects);
    items.sort_unstable();
    let reached = run.cursor.unwrap_or(0);
    if run.events.iter().any(|(event, ..)| event == "set_back") {
        ensure!((1..=reached).all(|item| items.contains(&item)), "{run:#?}");
        ensure!(items.is_sorted_by(|one, next| one < next), "{run:#?}");
    } else {
        ensure!(items.into_iter().eq(1..=reached), "{run:#?}");
    }
    Ok(())
}
