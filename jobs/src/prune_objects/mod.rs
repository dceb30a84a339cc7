//! Job `prune_objects`: deletes old posts, and other objects, of other servers, and what is left of
//! them (docs/semantics.md 12.3 to 12.5).

mod cursor;
mod pins;
mod plan;
mod sql;
mod steps;

use chrono::{DateTime, Utc};
use ostrakon_engine::{Batch, Class, Job, JobError, Left, Plan, Recount, Skipped, Table, tables};
use ostrakon_server::Server;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

pub use cursor::Cursor;
use pins::Pins;

use crate::{
    open_reports::OpenReports,
    orphans::{Orphans, newest},
};

/// Request to delete old objects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PruneObjects {
    /// What the operator is told that the run is about.
    pub subject: String,
    /// What was changed since then stays.
    pub before: DateTime<Utc>,
    /// Which objects stay nevertheless, and what is done besides.
    pub options: Options,
}

/// Which old objects stay, and what is done besides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// Whether threads go as a whole or stay.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keep_threads: bool,
    /// Whether what is not public stays.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keep_non_public: bool,
    /// What stays of accounts that somebody here follows.
    #[serde(default, skip_serializing_if = "KeepFollowed::is_none")]
    pub keep_followed: KeepFollowed,
    /// Whether pinned objects stay.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keep_pinned: bool,
    /// Whether orphaned activities are deleted as well.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub prune_orphaned_activities: bool,
    /// Whether replies are counted again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fix_replies_count: bool,
    /// Maximum number of objects, or of threads if these go as a whole; and of orphaned activities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
}

/// What stays of accounts that somebody here follows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeepFollowed {
    /// Nothing.
    #[default]
    None,
    /// Their posts, or the threads in which they posted or boosted something.
    Posts,
    /// The threads in which they did anything.
    Full,
}

impl KeepFollowed {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
    fn is_none(&self) -> bool {
        *self == Self::None
    }

    /// As the statements name it.
    const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Posts => "posts",
            Self::Full => "full",
        }
    }
}

/// What one claim has read.
#[derive(Debug, Default)]
pub struct ClaimState {
    reports: OpenReports,
    pins: Pins,
}

impl PruneObjects {
    /// Creates a request.
    pub fn new(before: DateTime<Utc>, options: Options) -> Self {
        let subject =
            format!("objects last changed before {}", before.format("%Y-%m-%d %H:%M UTC"));
        Self { subject, before, options }
    }

    /// Refuses if it is not known which objects are the server's own.
    fn refuse_nowhere(server: &Server) -> Result<(), JobError> {
        if server.host.is_empty() {
            return Err(JobError::Refuse(
                "the server's address is not known, so all objects might be its own; set \
                 --instance-url"
                    .to_owned(),
            ));
        }
        Ok(())
    }

    const fn orphans(&self) -> Orphans {
        let meant = self.options.prune_orphaned_activities;
        Orphans { singles: meant, lists: meant, limit: self.options.limit }
    }
}

impl Job for PruneObjects {
    const NAME: &'static str = "prune_objects";
    const CLASS: Class = Class::Long;
    const HEAVY: bool = true;
    const TABLES: &'static [Table] = tables![
        "public.objects",
        "public.hashtags_objects",
        "public.activities",
        "public.notifications",
        "public.bookmarks",
        "public.hashtags",
        "public.counter_cache"
    ];
    type World = Server;
    type Cursor = Cursor;
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
    ) -> Result<Plan<Cursor>, JobError> {
        Self::refuse_nowhere(server)?;
        self.planned(db, server, state).await
    }

    async fn batch(
        &self,
        db: &mut PgConnection,
        server: &Server,
        state: &mut ClaimState,
        cursor: Cursor,
        limit: i64,
    ) -> Result<Batch<Cursor>, JobError> {
        Self::refuse_nowhere(server)?;
        if self.options.keep_pinned && !state.pins.collect(&mut *db).await? {
            return Ok(Batch { rows: Some(0), ..Batch::go_on(0, cursor) });
        }
        self.step(db, server, state, cursor, limit).await
    }

    async fn skip(
        &self,
        db: &mut PgConnection,
        server: &Server,
        state: &mut ClaimState,
        cursor: Cursor,
    ) -> Result<Option<Skipped<Cursor>>, JobError> {
        self.skip_one(db, server, state, cursor).await
    }

    async fn finish(
        &self,
        db: &mut PgConnection,
        server: &Server,
        state: &mut ClaimState,
        _cursor: &Cursor,
        parked: i64,
    ) -> Result<Recount<Cursor>, JobError> {
        if self.options.limit.is_some() {
            // More than these were not to be deleted.
            return Ok(Recount::Right);
        }
        // Only of objects: the server goes on with hashtags and replies, so their counts never end.
        let items = self.count_objects(db, server, state).await?;
        Ok(if items <= parked {
            Recount::Right
        } else {
            let what = "old objects".to_owned();
            Recount::Left(Left { items, what, cursor: self.start(db).await? })
        })
    }
}
