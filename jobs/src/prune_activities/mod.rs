//! Job `prune_activities`: deletes activities of other servers about something that is not here
//! (docs/semantics.md 12.2).

use ostrakon_engine::{
    Batch, Class, Count, Job, JobError, Left, Plan, Recount, Skipped, Table, tables,
};
use ostrakon_server::{Server, missing_index_notes};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use crate::{
    open_reports::OpenReports,
    orphans::{Orphans, Position, newest},
};

/// What the plan counts.
pub(crate) const KIND: &str = "orphaned activities";

/// Request to delete orphaned activities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PruneActivities {
    /// What the operator is told that the run is about.
    pub subject: String,
    /// Whether those with one object are meant.
    pub singles: bool,
    /// Whether those with a list of objects are meant.
    pub arrays: bool,
    /// Maximum number of each of the two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
}

/// Position of a run, and what open reports refer to.
#[derive(Debug, Default)]
pub struct ClaimState(OpenReports);

impl PruneActivities {
    /// Creates a request.
    pub fn new(singles: bool, arrays: bool, limit: Option<i64>) -> Self {
        Self { subject: KIND.to_owned(), singles, arrays, limit }
    }

    const fn orphans(&self) -> Orphans {
        Orphans { singles: self.singles, lists: self.arrays, limit: self.limit }
    }
}

impl Job for PruneActivities {
    const NAME: &'static str = "prune_activities";
    const CLASS: Class = Class::Long;
    const HEAVY: bool = true;
    const TABLES: &'static [Table] =
        tables!["public.activities", "public.notifications", "public.counter_cache"];
    type World = Server;
    type Cursor = Position;
    type ClaimState = ClaimState;

    fn subject(&self) -> &str {
        &self.subject
    }

    fn dedupe_key(&self) -> String {
        Self::NAME.to_owned()
    }

    async fn plan(
        &self,
        db: &mut PgConnection,
        server: &Server,
        state: &mut ClaimState,
    ) -> Result<Plan<Position>, JobError> {
        let orphans = self.orphans();
        let until = newest(db).await?;
        let reported = state.0.named(db, server).await?;
        let number = orphans.count(db, server, reported, until).await?;
        let notes = if number > 0 { missing_index_notes(db).await? } else { Vec::new() };
        Ok(Plan { counts: vec![Count::new(KIND, number)], notes, cursor: orphans.start(until) })
    }

    async fn batch(
        &self,
        db: &mut PgConnection,
        server: &Server,
        state: &mut ClaimState,
        cursor: Position,
        limit: i64,
    ) -> Result<Batch<Position>, JobError> {
        let reported = state.0.named(db, server).await?;
        self.orphans().batch(db, server, reported, cursor, limit).await
    }

    async fn skip(
        &self,
        db: &mut PgConnection,
        server: &Server,
        state: &mut ClaimState,
        cursor: Position,
    ) -> Result<Option<Skipped<Position>>, JobError> {
        let reported = state.0.named(db, server).await?;
        let next = self.orphans().skip(db, server, reported, cursor).await?;
        Ok(next.map(|(activity, cursor)| Skipped { item: activity.to_string(), cursor }))
    }

    async fn finish(
        &self,
        db: &mut PgConnection,
        server: &Server,
        state: &mut ClaimState,
        cursor: &Position,
        parked: i64,
    ) -> Result<Recount<Position>, JobError> {
        if self.limit.is_some() {
            // More than these were not to be deleted.
            return Ok(Recount::Right);
        }
        let orphans = self.orphans();
        let reported = state.0.named(db, server).await?;
        let number = orphans.count(db, server, reported, cursor.until).await?;
        Ok(if number <= parked {
            Recount::Right
        } else {
            Recount::Left(Left {
                items: number,
                what: KIND.to_owned(),
                cursor: orphans.start(cursor.until),
            })
        })
    }
}
