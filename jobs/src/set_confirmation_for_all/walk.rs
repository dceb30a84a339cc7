//! Which accounts come next.
//!
//! Accounts are walked over in the order of their ids, stretch by stretch. Where many of a stretch
//! are to be written, it is walked over in several passes, each of which takes every eighth of them
//! or so. Accounts that lie on one page of the table are then written by different transactions,
//! and each finds the room that the one before has left. PostgreSQL can so keep the new version of a
//! row on its page, and need not add it to each of the table's twenty indexes ("heap-only tuple").
//! One pass costs twice as much time (docs/performance.md).

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

use super::sql::{self, Statements};

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The last account that was walked over, of whatever kind.
    pub after: Uuid,
    /// The last account that existed when the run began; later ones are left alone.
    pub until: Uuid,
    /// The stretch after that, if it is walked over in passes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stretch: Option<Stretch>,
}

/// Accounts that are walked over in passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    /// Its last account.
    pub until: Uuid,
    /// The pass, from 0.
    pub pass: i32,
    /// The last account that this pass walked over.
    pub after: Uuid,
}

/// Accounts of all kinds in a stretch, for each one that a batch may write: local accounts are few
/// among those of other servers, and no index has them in order.
const STRETCH: i64 = 20;

/// How often a stretch is walked over. `sql.rs` chooses by three bits of a hash of the id.
const PASSES: i32 = 8;

/// What one batch does.
pub(super) struct Step {
    /// The accounts that it writes: at most as many as asked for, maybe none.
    pub(super) accounts: Vec<Uuid>,
    /// Where the next one begins.
    pub(super) cursor: Cursor,
}

impl Cursor {
    /// Before the first account.
    pub(super) const fn start(until: Uuid) -> Self {
        Self { after: Uuid::nil(), until, stretch: None }
    }

    /// Finds what comes next; `None`: nothing does.
    pub(super) async fn step(
        self,
        db: &mut PgConnection,
        statements: &Statements,
        limit: i64,
    ) -> sqlx::Result<Option<Step>> {
        let Some(stretch) = self.stretch else {
            return self.new_stretch(db, statements, limit).await;
        };
        let accounts: Vec<Uuid> = sqlx::query_scalar(statements.find_in_pass)
            .bind(stretch.after)
            .bind(stretch.until)
            .bind(stretch.pass)
            .bind(limit)
            .fetch_all(db)
            .await?;
        let cursor = match accounts.last() {
            Some(last) if full(&accounts, limit) => {
                self.within(Stretch { after: *last, ..stretch })
            }
            _ => self.next_pass(stretch),
        };
        Ok(Some(Step { accounts, cursor }))
    }

    /// Takes a whole stretch if few of it are to be written, or its first pass.
    async fn new_stretch(
        self,
        db: &mut PgConnection,
        statements: &Statements,
        limit: i64,
    ) -> sqlx::Result<Option<Step>> {
        let length = limit.saturating_mul(STRETCH);
        let last: Option<Uuid> = sqlx::query_scalar(sql::LAST_OF_STRETCH)
            .bind(self.after)
            .bind(self.until)
            .bind(length)
            .fetch_optional(&mut *db)
            .await?;
        let Some(last) = last else {
            return Ok(None);
        };
        let accounts: Vec<Uuid> = sqlx::query_scalar(statements.find)
            .bind(self.after)
            .bind(last)
            .bind(length)
            .bind(limit.saturating_add(1))
            .fetch_all(&mut *db)
            .await?;
        if i64::try_from(accounts.len()).is_ok_and(|found| found <= limit) {
            let cursor = Self { after: last, ..self };
            return Ok(Some(Step { accounts, cursor }));
        }
        let stretch = Stretch { until: last, pass: 0, after: self.after };
        Box::pin(self.within(stretch).step(db, statements, limit)).await
    }

    fn within(self, stretch: Stretch) -> Self {
        Self { stretch: Some(stretch), ..self }
    }

    fn next_pass(self, stretch: Stretch) -> Self {
        if stretch.pass + 1 < PASSES {
            let stretch = Stretch { pass: stretch.pass + 1, after: self.after, ..stretch };
            return self.within(stretch);
        }
        Self { after: stretch.until, stretch: None, ..self }
    }
}

fn full(accounts: &[Uuid], limit: i64) -> bool {
    i64::try_from(accounts.len()) == Ok(limit)
}
