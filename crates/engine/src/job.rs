//! The contract of a job.

use std::{future::Future, time::Duration};

use chrono::{DateTime, Utc};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use sqlx::PgConnection;

use super::{Class, Count, JobError, Plan, Table};

/// A typed job. The value is the payload in the queue: a wire format to which fields may only be
/// added.
///
/// Jobs get a plain connection and never a transaction: only the loop can commit, and it commits
/// each batch together with its checkpoint.
pub trait Job: Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Name of the job in ledger, queue and log. Never changes once released.
    const NAME: &'static str;
    /// Queue that the job waits in.
    const CLASS: Class;
    /// Whether its effect is so large that the operator is asked before it is queued.
    const HEAVY: bool;
    /// The server's tables that the job writes many rows of, for maintenance after a large run.
    const TABLES: &'static [Table];
    /// What the job knows of the database that it works on; read once, not part of the payload.
    type World: Send + Sync;
    /// Position of a run; a wire format like the payload. An enum if the job has several steps.
    type Cursor: Serialize + DeserializeOwned + Send + Sync;
    /// What one claim has read and need not read again for each batch; empty at the beginning of a
    /// claim. Nothing may rely on it: a batch that was rolled back leaves it as it is, and a worker
    /// that takes over a run starts without it.
    type ClaimState: Default + Send + Sync;

    /// What the operator typed to name the job's subject.
    fn subject(&self) -> &str;

    /// Dedupe key of the job: jobs with equal keys are never unfinished at the same time.
    fn dedupe_key(&self) -> String;

    /// Establishes what must hold from the moment of the request, in the transaction that writes
    /// the run into the ledger. Not called again when the run is retried.
    fn on_enqueue(
        &self,
        _db: &mut PgConnection,
        _world: &Self::World,
    ) -> impl Future<Output = Result<(), JobError>> + Send {
        async { Ok(()) }
    }

    /// Plans without changing anything: refuses, counts per kind, names the first cursor.
    fn plan(
        &self,
        db: &mut PgConnection,
        world: &Self::World,
        state: &mut Self::ClaimState,
    ) -> impl Future<Output = Result<Plan<Self::Cursor>, JobError>> + Send;

    /// Does at most `limit` items after `cursor`, in the transaction that also stores the
    /// checkpoint. `limit` is at least 1. Any error rolls back the whole batch.
    fn batch(
        &self,
        db: &mut PgConnection,
        world: &Self::World,
        state: &mut Self::ClaimState,
        cursor: Self::Cursor,
        limit: i64,
    ) -> impl Future<Output = Result<Batch<Self::Cursor>, JobError>> + Send;

    /// Names the first item after `cursor` and the cursor behind it, without touching the item:
    /// called when a batch of exactly that item failed. `None` if there is no such item.
    fn skip(
        &self,
        db: &mut PgConnection,
        world: &Self::World,
        state: &mut Self::ClaimState,
        cursor: Self::Cursor,
    ) -> impl Future<Output = Result<Option<Skipped<Self::Cursor>>, JobError>> + Send;

    /// Rechecks what a batch wrote, as recorded in [`Batch::written`]: the server may have read a
    /// row before the batch, and written it back whole since. Restores what differs from what the
    /// batch left, and what depends on it; returns how much, per kind. Called while the run goes
    /// on, and once more at its end.
    fn recheck(
        &self,
        _db: &mut PgConnection,
        _world: &Self::World,
        _written: &Value,
    ) -> impl Future<Output = Result<Vec<Count>, JobError>> + Send {
        async { Ok(Vec::new()) }
    }

    /// Counts, with an independent query, what differs from what a batch left. Called before
    /// [`finish`](Self::finish), in the same transaction.
    fn count_undone(
        &self,
        _db: &mut PgConnection,
        _world: &Self::World,
        _written: &Value,
    ) -> impl Future<Output = Result<i64, JobError>> + Send {
        async { Ok(0) }
    }

    /// Recounts, with an independent query, what the run leaves, in the last batch's transaction.
    /// Returns the start of another pass if that is not what the rules allow. `parked` is the
    /// number of parked items. Other sessions write meanwhile: what they commit late, behind the
    /// cursor, is no failure of the run. The recount may take as long as [`plan`](Self::plan), so
    /// it takes any locks afterwards, and only if the count is right.
    fn finish(
        &self,
        db: &mut PgConnection,
        world: &Self::World,
        state: &mut Self::ClaimState,
        cursor: &Self::Cursor,
        parked: i64,
    ) -> impl Future<Output = Result<Recount<Self::Cursor>, JobError>> + Send;
}

/// Result of one batch.
#[derive(Debug)]
pub struct Batch<C> {
    /// Start of the next batch, or the last position when nothing is left.
    pub cursor: C,
    /// Whether this was the last one.
    pub end: bool,
    /// Items of the plan that are dealt with.
    pub done: i64,
    /// Rows that the batch took, if fewer than its limit: the basis for the size of the next one.
    /// `None` if it took as many as it might.
    pub rows: Option<i64>,
    /// Items of the plan that the job's own rules leave unchanged.
    pub parked: Vec<Parking<C>>,
    /// What the run waits for. It gives its worker back meanwhile, and uses up no try.
    pub wait: Option<Wait>,
    /// Time when the last delivery that the batch requested is due, if later than now.
    pub deliveries_until: Option<DateTime<Utc>>,
    /// What the batch wrote and other sessions may overwrite, to be rechecked; a wire format of the
    /// job.
    pub written: Option<Value>,
}

/// A reason why nothing can be done for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// Time until the next check.
    pub delay: Duration,
    /// What the run waits for, as the end of a sentence that begins with `waits for`.
    pub reason: String,
}

impl<C> Batch<C> {
    /// Maps every cursor of the batch.
    pub fn map<D>(self, cursor: impl Fn(C) -> D) -> Batch<D> {
        let Self { end, done, rows, wait, deliveries_until, written, .. } = self;
        let parked = self.parked.into_iter().map(|parking| parking.map(&cursor)).collect();
        let cursor = cursor(self.cursor);
        Batch { cursor, end, done, rows, parked, wait, deliveries_until, written }
    }

    /// Batch that continues from `cursor`, with `done` items dealt with and nothing parked.
    pub const fn go_on(done: i64, cursor: C) -> Self {
        Self {
            cursor,
            end: false,
            done,
            rows: None,
            parked: Vec::new(),
            wait: None,
            deliveries_until: None,
            written: None,
        }
    }

    /// Batch that found nothing left.
    pub fn end(cursor: C) -> Self {
        Self { end: true, ..Self::go_on(0, cursor) }
    }
}

/// An item that a job leaves unchanged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parking<C> {
    /// Name of the item for the operator; unique within the run.
    pub item: String,
    /// Reason, as the end of a sentence that begins with the item.
    pub reason: String,
    /// Cursor from which a batch of one takes exactly this item.
    pub cursor: C,
}

impl<C> Parking<C> {
    /// Maps the cursor.
    pub fn map<D>(self, cursor: impl FnOnce(C) -> D) -> Parking<D> {
        let Self { item, reason, .. } = self;
        Parking { item, reason, cursor: cursor(self.cursor) }
    }
}

/// An item that the loop skips.
#[derive(Debug)]
pub struct Skipped<C> {
    /// Name of the item for the operator; unique within the run.
    pub item: String,
    /// Start of the next batch.
    pub cursor: C,
}

/// Result of the recount at a run's end.
#[derive(Debug)]
pub enum Recount<C> {
    /// No more is left than the rules allow.
    Right,
    /// More is left: another session wrote it when the run was already past it.
    Left(Left<C>),
}

/// Items that a run should have dealt with.
#[derive(Debug)]
pub struct Left<C> {
    /// Number of items, parked ones included.
    pub items: i64,
    /// Description of the items: `posts, likes and boosts of https://…`.
    pub what: String,
    /// Cursor from which another pass meets them.
    pub cursor: C,
}
