//! Orphaned activities: those of other servers about something that is not here
//! (docs/semantics.md 12.2). Two jobs delete them.

pub(crate) mod sql;

use std::collections::BTreeSet;

use ostrakon_engine::{Batch, JobError, shorten_lock_timeout};
use ostrakon_server::Server;
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

/// Maximum number of statements in one batch that follow a chain of activities about activities.
const CHAIN_MAX: u32 = 100;

/// Which orphaned activities are meant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Orphans {
    /// Those with one object.
    pub(crate) singles: bool,
    /// Those with a list of objects.
    pub(crate) lists: bool,
    /// Maximum number of each kind.
    pub(crate) limit: Option<i64>,
}

/// Position in the walk over the activities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Last activity that was looked at.
    pub after: Uuid,
    /// Newest activity when the run began.
    pub until: Uuid,
    /// How many of each kind may still be deleted, if that is limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<LeftOver>,
}

/// How many more activities may be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOver {
    /// With one object.
    pub singles: i64,
    /// With a list of objects.
    pub lists: i64,
}

#[derive(Debug, Clone, Copy, FromRow)]
struct Orphan {
    id: Uuid,
    is_list: bool,
}

/// Newest activity; the nil id if there is none.
pub(crate) async fn newest(db: &mut PgConnection) -> sqlx::Result<Uuid> {
    let newest = sqlx::query_scalar("select id from public.activities order by id desc limit 1");
    Ok(newest.fetch_optional(db).await?.unwrap_or_default())
}

impl Orphans {
    /// Position before the first activity.
    pub(crate) fn start(&self, until: Uuid) -> Position {
        let left = self.limit.map(|limit| LeftOver { singles: limit, lists: limit });
        Position { after: Uuid::nil(), until, left }
    }

    /// Counts the orphaned activities up to one, with those that their deletion makes orphaned.
    pub(crate) async fn count(
        &self,
        db: &mut PgConnection,
        server: &Server,
        reported: &[String],
        until: Uuid,
    ) -> sqlx::Result<i64> {
        sqlx::query_scalar(sql::count(server))
            .bind(self.singles)
            .bind(self.lists)
            .bind(server.dialect.prunes_reports)
            .bind(reported)
            .bind(until)
            .bind(self.limit)
            .fetch_one(db)
            .await
    }

    /// Looks at the next `limit` activities, and deletes the orphaned ones.
    pub(crate) async fn batch(
        &self,
        db: &mut PgConnection,
        server: &Server,
        reported: &[String],
        position: Position,
        limit: i64,
    ) -> Result<Batch<Position>, JobError> {
        let looked_at = next(db, &position, limit).await?;
        let Some(after) = looked_at.last().copied() else { return Ok(Batch::end(position)) };
        let mut position = Position { after, ..position };
        let meant = match &mut position.left {
            None => looked_at.clone(),
            Some(left) => {
                let found = self.find(&mut *db, server, reported, &looked_at).await?;
                left.take(&found)
            }
        };
        let mut done = 0;
        if !meant.is_empty() {
            // The server's trigger locks the row of each author's host in counter_cache.
            shorten_lock_timeout(&mut *db).await?;
            done = self.delete(&mut *db, server, reported, &position, meant, limit).await?;
        }
        let rows = i64::try_from(looked_at.len()).ok().filter(|rows| *rows < limit);
        let end = position.left.is_some_and(|left| left.singles == 0 && left.lists == 0);
        Ok(Batch { rows, end, ..Batch::go_on(done, position) })
    }

    /// First orphaned activity after a position, and the position behind it.
    pub(crate) async fn skip(
        &self,
        db: &mut PgConnection,
        server: &Server,
        reported: &[String],
        mut position: Position,
    ) -> sqlx::Result<Option<(Uuid, Position)>> {
        loop {
            let looked_at = next(db, &position, 1).await?;
            let Some(after) = looked_at.last().copied() else { return Ok(None) };
            position.after = after;
            let found = self.find(&mut *db, server, reported, &looked_at).await?;
            if let Some(orphan) = found.first() {
                return Ok(Some((orphan.id, position)));
            }
        }
    }

    /// Those of some activities that are orphaned.
    async fn find(
        &self,
        db: &mut PgConnection,
        server: &Server,
        reported: &[String],
        among: &[Uuid],
    ) -> sqlx::Result<Vec<Orphan>> {
        sqlx::query_as(sql::FIND)
            .bind(self.singles)
            .bind(self.lists)
            .bind(server.dialect.prunes_reports)
            .bind(reported)
            .bind(among)
            .fetch_all(db)
            .await
    }

    /// Deletes those of some activities that are orphaned, and unless there is a maximum, those that
    /// this makes orphaned and that the walk has passed already, or has in the same batch.
    async fn delete(
        &self,
        db: &mut PgConnection,
        server: &Server,
        reported: &[String],
        position: &Position,
        mut meant: Vec<Uuid>,
        limit: i64,
    ) -> sqlx::Result<i64> {
        let mut done = 0;
        for _ in 0..CHAIN_MAX {
            let gone: Vec<Option<String>> = sqlx::query_scalar(sql::DELETE)
                .bind(self.singles)
                .bind(self.lists)
                .bind(server.dialect.prunes_reports)
                .bind(reported)
                .bind(&meant)
                .fetch_all(&mut *db)
                .await?;
            done += i64::try_from(gone.len()).unwrap_or(i64::MAX);
            let gone: BTreeSet<String> = gone.into_iter().flatten().collect();
            if gone.is_empty() || position.left.is_some() || done > limit * 2 {
                break;
            }
            meant = sqlx::query_scalar(sql::about(server))
                .bind(self.singles)
                .bind(reported)
                .bind(gone.into_iter().collect::<Vec<_>>())
                .bind(position.after)
                .bind(limit)
                .fetch_all(&mut *db)
                .await?;
            if meant.is_empty() {
                break;
            }
        }
        Ok(done)
    }
}

impl LeftOver {
    /// Takes as many activities of each kind as are left.
    fn take(&mut self, found: &[Orphan]) -> Vec<Uuid> {
        let mut taken = Vec::new();
        for orphan in found {
            let left = if orphan.is_list { &mut self.lists } else { &mut self.singles };
            if *left > 0 {
                *left -= 1;
                taken.push(orphan.id);
            }
        }
        taken
    }
}

/// Next activities of the walk.
async fn next(db: &mut PgConnection, position: &Position, limit: i64) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar(
        "select a.id from public.activities a where a.id > $1 and a.id <= $2 order by a.id limit $3",
    )
    .bind(position.after)
    .bind(position.until)
    .bind(limit)
    .fetch_all(db)
    .await
}
