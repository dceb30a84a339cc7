//! Everything that can happen, and how often.

use std::fmt;

use proptest::{collection::vec, prelude::*};

/// Chooses one of the candidates that there are at that time.
#[derive(Clone, Copy)]
pub(super) struct Pick(u8);

impl fmt::Debug for Pick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

impl Pick {
    /// The chosen candidate; `None` if there are none.
    pub(super) fn of<T: Copy>(self, candidates: &[T]) -> Option<T> {
        candidates.get(usize::from(self.0).checked_rem(candidates.len())?).copied()
    }
}

/// What a turn of the loop meets in the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The batch succeeds.
    Well,
    /// A row of the batch cannot be done.
    Row,
    /// The recount at the end fails as a row would.
    RowInFinish,
    /// The recount at the end finds something left.
    LeftInFinish,
    /// A failure that passes by itself.
    Retry,
    /// A failure that does not pass.
    Fail,
    /// The job must not be done.
    Refuse,
    /// The batch is done, and then the job waits for something else.
    Wait,
    /// The job's own rules park the first item.
    Park,
    /// The process dies after the batch's writes.
    DieInBatch,
    /// The process dies after the checkpoint, before the commit.
    DieInFinish,
}

/// What may happen between a failure and the loop's reaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meanwhile {
    Pause,
    Cancel,
    /// The lease runs out, and another worker claims the run, and dies.
    TakeOver,
}

/// One thing that happens. Runs, workers and messages are picked among those there are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Operation {
    /// An operator requests the job, and may notify a worker.
    Enqueue { notifies: bool },
    /// The reconciler notifies workers of due runs; with `again`, also of those they were notified
    /// of.
    Notify { again: bool },
    /// A free worker gets a notification and claims its run.
    Deliver(Pick),
    /// Redis delivers a notification twice.
    Duplicate(Pick),
    /// A worker acknowledges a notification.
    Acknowledge(Pick),
    /// Redis is emptied.
    LoseAll,
    /// A worker renews its lease.
    Renew(Pick),
    /// A lease runs out.
    Expire(Pick),
    /// The time of the next try comes.
    Elapse(Pick),
    /// An operator makes a run due now.
    Hasten(Pick),
    /// An operator pauses a run.
    Pause(Pick),
    /// An operator resumes a run.
    Resume(Pick),
    /// An operator cancels a run.
    Cancel(Pick),
    /// An operator retries a run.
    Retry(Pick),
    /// An operator retries only the parked items of a run.
    RetryParked(Pick),
    /// A worker makes a turn of the loop, whether its claim still holds or not.
    Turn(Pick, Outcome),
    /// A turn; if it fails, something else happens before the loop reacts.
    TurnAnd(Pick, Outcome, Meanwhile),
    /// A turn, and the worker dies before the commit where the outcome says so, else after it.
    Crash(Pick, Outcome),
    /// A worker dies between two turns.
    Die(Pick),
    /// A worker is asked to stop.
    Stop(Pick),
    /// A newer version has written the cursor when a worker makes a turn.
    NewerCursor(Pick),
}

/// A case: the job's items, and what happens.
#[derive(Clone)]
pub(super) struct Sequence {
    /// Items of the job.
    pub(super) items: i64,
    pub(super) operations: Vec<Operation>,
}

impl fmt::Debug for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} items", self.items)?;
        self.operations
            .iter()
            .enumerate()
            .try_for_each(|(number, operation)| write!(f, "\n{number:>4} {operation:?}"))
    }
}

/// Generates any case.
pub(super) fn sequences() -> impl Strategy<Value = Sequence> {
    let beginning = prop_oneof![5 => Just(Vec::new()), 1 => Just(parked_to_the_end())];
    (1..=4_i64, beginning, vec(operation(), 3..=20)).prop_map(|(items, beginning, operations)| {
        Sequence { items, operations: [beginning, operations].concat() }
    })
}

/// A run that ends with a parked item, which is then to be retried: random sequences rarely get
/// there.
fn parked_to_the_end() -> Vec<Operation> {
    let first = Pick(0);
    let turns = [Outcome::Well, Outcome::Park, Outcome::Well];
    let turns = turns.map(|outcome| Operation::Turn(first, outcome));
    let retried = [Operation::RetryParked(first), Operation::Deliver(first)];
    [Operation::Deliver(first)].into_iter().chain(turns).chain(retried).collect()
}

fn operation() -> impl Strategy<Value = Operation> {
    let pick = || any::<u8>().prop_map(Pick);
    prop_oneof![
        2 => any::<bool>().prop_map(|notifies| Operation::Enqueue { notifies }),
        4 => prop::bool::weighted(0.3).prop_map(|again| Operation::Notify { again }),
        14 => pick().prop_map(Operation::Deliver),
        1 => pick().prop_map(Operation::Duplicate),
        1 => pick().prop_map(Operation::Acknowledge),
        1 => Just(Operation::LoseAll),
        2 => pick().prop_map(Operation::Renew),
        7 => pick().prop_map(Operation::Expire),
        4 => pick().prop_map(Operation::Elapse),
        1 => pick().prop_map(Operation::Hasten),
        2 => pick().prop_map(Operation::Pause),
        4 => pick().prop_map(Operation::Resume),
        2 => pick().prop_map(Operation::Cancel),
        3 => pick().prop_map(Operation::Retry),
        4 => pick().prop_map(Operation::RetryParked),
        24 => (pick(), outcome()).prop_map(|(pick, outcome)| Operation::Turn(pick, outcome)),
        6 => (pick(), outcome(), meanwhile()).prop_map(|(pick, outcome, meanwhile)| {
            Operation::TurnAnd(pick, outcome, meanwhile)
        }),
        5 => (pick(), crash()).prop_map(|(pick, outcome)| Operation::Crash(pick, outcome)),
        2 => pick().prop_map(Operation::Die),
        1 => pick().prop_map(Operation::Stop),
        1 => pick().prop_map(Operation::NewerCursor),
    ]
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        10 => Just(Outcome::Well),
        3 => Just(Outcome::Row),
        1 => Just(Outcome::RowInFinish),
        1 => Just(Outcome::LeftInFinish),
        4 => Just(Outcome::Retry),
        1 => Just(Outcome::Fail),
        1 => Just(Outcome::Refuse),
        1 => Just(Outcome::Wait),
        1 => Just(Outcome::Park),
    ]
}

fn meanwhile() -> impl Strategy<Value = Meanwhile> {
    prop_oneof![Just(Meanwhile::Pause), Just(Meanwhile::Cancel), Just(Meanwhile::TakeOver)]
}

fn crash() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        Just(Outcome::Well),
        Just(Outcome::Row),
        Just(Outcome::DieInBatch),
        Just(Outcome::DieInFinish),
    ]
}
