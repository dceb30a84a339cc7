//! Everything that can happen, and how often.

use std::fmt;

use proptest::{collection::vec, prelude::*};

/// Chooses one of however many there are at that time.
#[derive(Clone, Copy)]
pub(super) struct Pick(u8);

impl fmt::Debug for Pick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

impl Pick {
    /// `None` when there is nothing to choose from.
    pub(super) fn of<T: Copy>(self, candidates: &[T]) -> Option<T> {
        candidates.get(usize::from(self.0).checked_rem(candidates.len())?).copied()
    }
}

/// What a turn of the loop meets in the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// All goes well.
    Well,
    /// A row of the batch cannot be done.
    Row,
    /// The recount at the end fails as a row would.
    RowInFinish,
    /// The recount at the end finds something left.
    LeftInFinish,
    /// Something that passes by itself.
    Retry,
    /// Something that does not.
    Fail,
    /// The job must not be done.
    Refuse,
    /// The batch is done, and then somebody else is waited for.
    Wait,
    /// The job's own rules leave the first item as it is.
    Park,
    /// The process dies after the batch's writes.
    DieInBatch,
    /// The process dies after the checkpoint, before the commit.
    DieInFinish,
}

/// What may come between a failure and what the loop does about it.
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
    /// Somebody asks for the job, and may notify a worker.
    Enqueue { notifies: bool },
    /// The reconciler notifies workers of what is due; `again` also of what they were notified of.
    Notify { again: bool },
    /// A free worker gets a message and claims its run.
    Deliver(Pick),
    /// Redis delivers a message twice.
    Duplicate(Pick),
    /// A message is acknowledged.
    Acknowledge(Pick),
    /// Redis is emptied.
    LoseAll,
    /// A worker renews its lease.
    Renew(Pick),
    /// A lease runs out.
    Expire(Pick),
    /// The time of the next try comes.
    Elapse(Pick),
    /// Somebody cannot wait for it.
    Hasten(Pick),
    /// Operators.
    Pause(Pick),
    /// See above.
    Resume(Pick),
    /// See above.
    Cancel(Pick),
    /// See above.
    Retry(Pick),
    /// See above; only what was left aside.
    RetryParked(Pick),
    /// A worker makes a turn of the loop, whether its claim still holds or not.
    Turn(Pick, Outcome),
    /// The same; if it fails, somebody is quicker than what the loop does about that.
    TurnAnd(Pick, Outcome, Meanwhile),
    /// A turn, and the worker dies before the commit where the outcome says so, else after it.
    Crash(Pick, Outcome),
    /// A worker dies between two turns.
    Die(Pick),
    /// A worker is told to stop.
    Stop(Pick),
    /// A newer version has written the cursor when a worker makes a turn.
    NewerCursor(Pick),
}

/// A case.
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

/// Any case.
pub(super) fn sequences() -> impl Strategy<Value = Sequence> {
    let beginning = prop_oneof![5 => Just(Vec::new()), 1 => Just(parked_to_the_end())];
    (1..=4_i64, beginning, vec(operation(), 3..=20)).prop_map(|(items, beginning, operations)| {
        Sequence { items, operations: [beginning, operations].concat() }
    })
}

/// A run that ends with an item left aside, which is then to be tried again: by chance alone that is
/// rarely come to.
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
