//! The contract of a job.

use std::{future::Future, time::Duration};

use chrono::{DateTime, Utc};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use sqlx::PgConnection;

use super::{Class, Count, JobError, Plan, Recount, ServerQueues, Table};

/// A typed job. The value is the payload in the queue: a wire format to which fields may only be added.
///
/// Jobs get a plain connection and never a transaction: only the loop can commit, and it commits
/// each batch together with its checkpoint.
///
/// Each claim is worked on with a clone. That may remember what was looked at, to save looking again;
/// a clone must not take it over.
pub trait Job: Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Name of the job in ledger, queue and log. Never changes once released.
    const NAME: &'static str;
    /// Which queue it waits in.
    const CLASS: Class;
    /// Whether its effect is large enough that a person is asked before it is queued.
    const HEAVY: bool;
    /// The server's tables that it writes many rows of, for a look after a large run.
    const TABLES: &'static [Table];
    /// What the job knows of the database it works on; read once, not part of the payload.
    type World: ServerQueues;
    /// Where a run stands; a wire format like the payload. An enum when the job has several steps.
    type Cursor: Serialize + DeserializeOwned + Send + Sync;

    /// What a person typed to name the job's object.
    fn subject(&self) -> &str;

    /// Jobs with equal keys are never unfinished at the same time.
    fn dedupe_key(&self) -> String;

    /// What must be so from the moment the run is asked for; in the transaction that writes it into
    /// the ledger. Not called again when the run is tried again.
    fn on_enqueue(
        &self,
        _world: &Self::World,
        _db: &mut PgConnection,
    ) -> impl Future<Output = Result<(), JobError>> + Send {
        async { Ok(()) }
    }

    /// Looks and changes nothing: refuses, counts per kind, names the first cursor.
    fn plan(
        &self,
        world: &Self::World,
        db: &mut PgConnection,
    ) -> impl Future<Output = Result<Plan<Self::Cursor>, JobError>> + Send;

    /// Does at most `limit` items after `cursor`, inside the transaction that also stores the
    /// checkpoint. `limit` is at least 1. Any error undoes the whole batch.
    fn batch(
        &self,
        world: &Self::World,
        db: &mut PgConnection,
        cursor: Self::Cursor,
        limit: i64,
    ) -> impl Future<Output = Result<Batch<Self::Cursor>, JobError>> + Send;

    /// Names the first item after `cursor` and the cursor behind it, without touching it: called
    /// when a batch of exactly that item failed. `None` when there is no such item.
    fn skip(
        &self,
        world: &Self::World,
        db: &mut PgConnection,
        cursor: Self::Cursor,
    ) -> impl Future<Output = Result<Option<Skipped<Self::Cursor>>, JobError>> + Send;

    /// Looks again at what a batch wrote, as [`Batch::written`] tells it: the server may have read a row
    /// before, and written it whole since. Sets right what is not as the batch left it, and what came
    /// with it; tells how much, per kind. Called while the run goes on, and once more at its end.
    fn recheck(
        &self,
        _world: &Self::World,
        _db: &mut PgConnection,
        _written: &Value,
    ) -> impl Future<Output = Result<Vec<Count>, JobError>> + Send {
        async { Ok(Vec::new()) }
    }

    /// Before [`finish`](Self::finish), in the same transaction: counts by a query of its own what is
    /// not as a batch left it.
    fn count_undone(
        &self,
        _world: &Self::World,
        _db: &mut PgConnection,
        _written: &Value,
    ) -> impl Future<Output = Result<i64, JobError>> + Send {
        async { Ok(0) }
    }

    /// In the last batch's transaction: recounts by a query of its own what the run leaves, and says
    /// from where to walk once more if that is not what its rules allow. `parked` is the number of
    /// parked items. Others write meanwhile: what was committed late, behind the cursor, is no
    /// failure of the run. It may count for as long as [`plan`](Self::plan) does, so what it locks it
    /// locks afterwards, and only if the count is right.
    fn finish(
        &self,
        world: &Self::World,
        db: &mut PgConnection,
        cursor: &Self::Cursor,
        parked: i64,
    ) -> impl Future<Output = Result<Recount<Self::Cursor>, JobError>> + Send;
}

/// What one batch did.
#[derive(Debug)]
pub struct Batch<C> {
    /// Where the next batch starts, or stood when nothing is left.
    pub cursor: C,
    /// Whether this was the last one.
    pub end: bool,
    /// Items of the plan that are dealt with.
    pub done: i64,
    /// How many rows it took, if it might have taken more: what the size of the next one is reckoned
    /// from. `None`: as many as it might.
    pub rows: Option<i64>,
    /// Items of the plan that the job's own rules leave as they are.
    pub parked: Vec<Parking<C>>,
    /// Somebody else is waited for. The run gives its worker back meanwhile, and no try is used up.
    pub wait: Option<Wait>,
    /// When the last of what the batch asked somebody else for is due, if that is later than now.
    pub deliveries_until: Option<DateTime<Utc>>,
    /// What it wrote that others may write over, to be looked at again: a wire format of the job.
    pub written: Option<Value>,
}

/// Why nothing can be done for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// When it is worth looking again.
    pub delay: Duration,
    /// Who or what is waited for, as the end of a sentence that begins with `waits for`.
    pub reason: String,
}

impl<C> Batch<C> {
    /// The same behind another cursor.
    pub fn map<D>(self, cursor: impl Fn(C) -> D) -> Batch<D> {
        let Self { end, done, rows, wait, deliveries_until, written, .. } = self;
        let parked = self.parked.into_iter().map(|parking| parking.map(&cursor)).collect();
        let cursor = cursor(self.cursor);
        Batch { cursor, end, done, rows, parked, wait, deliveries_until, written }
    }

    /// One that goes on from `cursor`, with `done` items dealt with and nothing out of the way.
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

    /// One that found nothing left.
    pub fn end(cursor: C) -> Self {
        Self { end: true, ..Self::go_on(0, cursor) }
    }
}

/// An item that a job leaves as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parking<C> {
    /// Names the item for a person, and is unique within the run.
    pub item: String,
    /// Why it stays, as the end of a sentence that begins with the item.
    pub reason: String,
    /// From where a batch of one takes up exactly this item.
    pub cursor: C,
}

impl<C> Parking<C> {
    /// The same behind another cursor.
    pub fn map<D>(self, cursor: impl FnOnce(C) -> D) -> Parking<D> {
        let Self { item, reason, .. } = self;
        Parking { item, reason, cursor: cursor(self.cursor) }
    }
}

/// An item that is left as it is.
#[derive(Debug)]
pub struct Skipped<C> {
    /// Names the item for a person, and is unique within the run.
    pub item: String,
    /// Where the next batch starts.
    pub cursor: C,
}
