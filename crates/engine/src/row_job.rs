//! Jobs that do something to rows, one after another in the order of a key.
//!
//! A [`RowJob`] says which rows there are and what is done to some of them. Everything else that a
//! [`Job`] needs follows from that.

use std::future::Future;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sqlx::PgConnection;

use super::{Batch, Class, Count, Job, JobError, Left, Plan, Recount, Skipped, Table};

/// A job that walks over rows in the order of a key, and does something to some of them. The value
/// is the payload, as for [`Job`].
pub trait RowJob: Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// See [`Job::NAME`].
    const NAME: &'static str;
    /// See [`Job::CLASS`].
    const CLASS: Class;
    /// See [`Job::HEAVY`].
    const HEAVY: bool;
    /// See [`Job::TABLES`].
    const TABLES: &'static [Table];
    /// See [`Job::World`].
    type World: Send + Sync;
    /// Key of a row; a wire format like the payload.
    type Key: Clone + Serialize + DeserializeOwned + Send + Sync;
    /// See [`Job::ClaimState`].
    type ClaimState: Default + Send + Sync;

    /// See [`Job::subject`].
    fn subject(&self) -> &str;

    /// See [`Job::dedupe_key`].
    fn dedupe_key(&self) -> String;

    /// Name of a row for the operator; unique within the run.
    fn item(&self, key: &Self::Key) -> String;

    /// Counts the rows to which something is to be done, and finds the last row of all. Refuses, if
    /// the job cannot be done.
    fn count(
        &self,
        db: &mut PgConnection,
        world: &Self::World,
        state: &mut Self::ClaimState,
    ) -> impl Future<Output = Result<Rows<Self::Key>, JobError>> + Send;

    /// Looks at no more than `limit` rows after a key, up to another, and returns those to which
    /// something is to be done.
    fn next(
        &self,
        db: &mut PgConnection,
        world: &Self::World,
        state: &mut Self::ClaimState,
        after: Option<&Self::Key>,
        until: &Self::Key,
        limit: i64,
    ) -> impl Future<Output = Result<Next<Self::Key>, JobError>> + Send;

    /// Does it to these rows, of which some may have changed; returns to how many it was done, or
    /// did not have to be done any more.
    fn apply(
        &self,
        db: &mut PgConnection,
        world: &Self::World,
        state: &mut Self::ClaimState,
        keys: &[Self::Key],
    ) -> impl Future<Output = Result<i64, JobError>> + Send;
}

/// Rows to which something is to be done.
#[derive(Debug)]
pub struct Rows<K> {
    /// Number of these rows, per kind.
    pub counts: Vec<Count>,
    /// Key of the last row of all; `None` if there is none.
    pub last: Option<K>,
    /// Notes for the operator.
    pub notes: Vec<String>,
}

/// A section of the rows.
#[derive(Debug)]
pub struct Next<K> {
    /// Keys of the rows to which something is to be done, in order.
    pub keys: Vec<K>,
    /// Last row that was looked at; `None` if there was no more.
    pub last: Option<K>,
    /// Number of rows that were looked at.
    pub looked_at: i64,
}

/// Position of a run: after which row, and up to which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowCursor<K> {
    /// Last row that was dealt with; `None` at the beginning.
    #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
    pub after: Option<K>,
    /// Last row of all when the run began; `None` if there was none.
    #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
    pub until: Option<K>,
}

impl<R: RowJob> Job for R {
    const NAME: &'static str = R::NAME;
    const CLASS: Class = R::CLASS;
    const HEAVY: bool = R::HEAVY;
    const TABLES: &'static [Table] = R::TABLES;
    type World = R::World;
    type Cursor = RowCursor<R::Key>;
    type ClaimState = R::ClaimState;

    fn subject(&self) -> &str {
        RowJob::subject(self)
    }

    fn dedupe_key(&self) -> String {
        RowJob::dedupe_key(self)
    }

    async fn plan(
        &self,
        db: &mut PgConnection,
        world: &Self::World,
        state: &mut Self::ClaimState,
    ) -> Result<Plan<Self::Cursor>, JobError> {
        let Rows { counts, last, notes } = self.count(db, world, state).await?;
        Ok(Plan { counts, notes, cursor: RowCursor { after: None, until: last } })
    }

    async fn batch(
        &self,
        db: &mut PgConnection,
        world: &Self::World,
        state: &mut Self::ClaimState,
        cursor: Self::Cursor,
        limit: i64,
    ) -> Result<Batch<Self::Cursor>, JobError> {
        let Some(until) = &cursor.until else { return Ok(Batch::end(cursor)) };
        let next = self.next(db, world, state, cursor.after.as_ref(), until, limit).await?;
        let Some(last) = next.last else { return Ok(Batch::end(cursor)) };
        let done =
            if next.keys.is_empty() { 0 } else { self.apply(db, world, state, &next.keys).await? };
        let rows = Some(next.looked_at).filter(|rows| *rows < limit);
        Ok(Batch { rows, ..Batch::go_on(done, RowCursor { after: Some(last), ..cursor }) })
    }

    async fn skip(
        &self,
        db: &mut PgConnection,
        world: &Self::World,
        state: &mut Self::ClaimState,
        mut cursor: Self::Cursor,
    ) -> Result<Option<Skipped<Self::Cursor>>, JobError> {
        let Some(until) = cursor.until.clone() else { return Ok(None) };
        loop {
            let next = self.next(db, world, state, cursor.after.as_ref(), &until, 1).await?;
            let Some(last) = next.last else { return Ok(None) };
            cursor.after = Some(last);
            if let Some(key) = next.keys.first() {
                return Ok(Some(Skipped { item: self.item(key), cursor }));
            }
        }
    }

    async fn finish(
        &self,
        db: &mut PgConnection,
        world: &Self::World,
        state: &mut Self::ClaimState,
        _cursor: &Self::Cursor,
        parked: i64,
    ) -> Result<Recount<Self::Cursor>, JobError> {
        let Rows { counts, last, .. } = self.count(db, world, state).await?;
        let number: i64 = counts.iter().map(|count| count.items).sum();
        let kinds = counts.iter().filter(|count| count.items > 0).map(|count| &*count.kind);
        Ok(if number <= parked {
            Recount::Right
        } else {
            Recount::Left(Left {
                items: number,
                what: kinds.collect::<Vec<_>>().join(" and "),
                cursor: RowCursor { after: None, until: last },
            })
        })
    }
}
