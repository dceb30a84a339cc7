//! A job whose effects can be counted: a row per item, with nothing that prevents duplicates.

use std::{
    future::pending,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use tokio::sync::Notify;

use super::operation::Outcome;
use crate::{
    Batch, Class, Count, Job, JobError, Left, Parking, Plan, Recount, Skipped, Table, Wait,
};

/// Table of the effects.
pub(super) const TABLE: &str = "create table tally (name text not null, item bigint not null);
     create index on tally (name)";

/// Delay of the job's wait, and what it waits for.
pub(super) fn wait() -> Wait {
    Wait { delay: Duration::from_hours(1), reason: "somebody else".to_owned() }
}

/// A job that does items 1 to `items`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Tally {
    /// Name of the job, another for each run.
    pub(super) name: String,
    /// Number of items.
    pub(super) items: i64,
}

/// The last item that was done or parked.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Cursor {
    pub(super) at: i64,
}

/// What the next turn meets.
#[derive(Debug)]
pub(super) struct Script {
    outcome: Mutex<Outcome>,
    /// Notified when the process should die now.
    pub(super) dying: Notify,
}

impl Script {
    pub(super) fn new() -> Self {
        Self { outcome: Mutex::new(Outcome::Well), dying: Notify::new() }
    }

    pub(super) fn set(&self, outcome: Outcome) {
        *self.outcome.lock().unwrap_or_else(PoisonError::into_inner) = outcome;
    }

    fn outcome(&self) -> Outcome {
        *self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn die(&self) {
        self.dying.notify_one();
        pending::<()>().await;
    }
}

fn row(text: &'static str) -> JobError {
    JobError::Row { error: anyhow::Error::msg(text), sqlstate: Some("22012".to_owned()) }
}

impl Job for Tally {
    const NAME: &'static str = "tally";
    const CLASS: Class = Class::Short;
    const HEAVY: bool = false;
    const TABLES: &'static [Table] = &[];
    type World = Script;
    type Cursor = Cursor;
    type ClaimState = ();

    fn subject(&self) -> &str {
        &self.name
    }

    fn dedupe_key(&self) -> String {
        "tally".to_owned()
    }

    async fn plan(
        &self,
        _db: &mut PgConnection,
        script: &Script,
        _state: &mut (),
    ) -> Result<Plan<Cursor>, JobError> {
        failure(script.outcome())?;
        let counts = vec![Count::new("items", self.items)];
        Ok(Plan { counts, notes: Vec::new(), cursor: Cursor { at: 0 } })
    }

    async fn batch(
        &self,
        db: &mut PgConnection,
        script: &Script,
        _state: &mut (),
        Cursor { at }: Cursor,
        limit: i64,
    ) -> Result<Batch<Cursor>, JobError> {
        let outcome = script.outcome();
        let last = self.items.min(at + limit);
        let parks = outcome == Outcome::Park && self.next(db, at).await? == Some(at + 1);
        let first = at + 1 + i64::from(parks);
        // A run that was set back meets what it has done.
        let done = sqlx::query(
            "insert into tally select $1, number from generate_series($2::bigint, $3) as number
             where not exists (select from tally where name = $1 and item = number)",
        )
        .bind(&self.name)
        .bind(first)
        .bind(last)
        .execute(&mut *db)
        .await?
        .rows_affected();
        if outcome == Outcome::DieInBatch {
            script.die().await;
        }
        if outcome != Outcome::Row || at < last {
            failure(outcome)?;
        }
        let parking = || Parking {
            item: (at + 1).to_string(),
            reason: "its rule".to_owned(),
            cursor: Cursor { at },
        };
        Ok(Batch {
            cursor: Cursor { at: last },
            end: last == self.items,
            done: i64::try_from(done).unwrap_or(i64::MAX),
            rows: None,
            parked: parks.then(parking).into_iter().collect(),
            wait: (outcome == Outcome::Wait).then(wait),
            deliveries_until: None,
            written: None,
        })
    }

    async fn skip(
        &self,
        db: &mut PgConnection,
        _script: &Script,
        _state: &mut (),
        Cursor { at }: Cursor,
    ) -> Result<Option<Skipped<Cursor>>, JobError> {
        let next = self.next(db, at).await?;
        Ok(next.map(|next| Skipped { item: next.to_string(), cursor: Cursor { at: next } }))
    }

    async fn finish(
        &self,
        db: &mut PgConnection,
        script: &Script,
        _state: &mut (),
        _cursor: &Cursor,
        parked: i64,
    ) -> Result<Recount<Cursor>, JobError> {
        match script.outcome() {
            Outcome::DieInFinish => script.die().await,
            Outcome::RowInFinish => return Err(row("a bad recount")),
            Outcome::LeftInFinish => {
                let what = "items".to_owned();
                return Ok(Recount::Left(Left {
                    items: parked + 1,
                    what,
                    cursor: Cursor { at: 0 },
                }));
            }
            _ => {}
        }
        let done: i64 = sqlx::query_scalar("select count(*) from tally where name = $1")
            .bind(&self.name)
            .fetch_one(db)
            .await?;
        if done + parked == self.items {
            return Ok(Recount::Right);
        }
        Err(JobError::fail(format!("{done} done and {parked} parked of {}", self.items)))
    }
}

impl Tally {
    /// Next item that was not done yet.
    async fn next(&self, db: &mut PgConnection, at: i64) -> sqlx::Result<Option<i64>> {
        sqlx::query_scalar(
            "select number from generate_series($2 + 1, $3::bigint) as number
             where not exists (select from tally where name = $1 and item = number)
             order by number limit 1",
        )
        .bind(&self.name)
        .bind(at)
        .bind(self.items)
        .fetch_optional(db)
        .await
    }
}

/// Failure that an outcome stands for, if it is one.
fn failure(outcome: Outcome) -> Result<(), JobError> {
    match outcome {
        Outcome::Row => Err(row("a bad row")),
        Outcome::Retry => Err(JobError::Retry(anyhow::Error::msg("a deadlock"))),
        Outcome::Fail => Err(JobError::fail("no right")),
        Outcome::Refuse => Err(JobError::Refuse("not this one".to_owned())),
        _ => Ok(()),
    }
}
