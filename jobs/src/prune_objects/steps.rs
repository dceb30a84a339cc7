//! The steps, one batch at a time.

use ostrakon_engine::{Batch, JobError, Skipped};
use ostrakon_server::Server;
use sqlx::{FromRow, PgConnection};

use super::{ClaimState, Cursor, PruneObjects, newest, sql};

/// An object that is to be deleted.
#[derive(FromRow)]
struct Old {
    id: i64,
    ap_id: Option<String>,
}

/// Where the walk over the objects is.
#[derive(Clone)]
struct Walk {
    after: i64,
    until: i64,
    left: Option<i64>,
    last_thread: Option<String>,
}

impl From<Walk> for Cursor {
    fn from(Walk { after, until, left, last_thread }: Walk) -> Self {
        Self::Objects { after, until, left, last_thread }
    }
}

impl PruneObjects {
    /// Does one batch of one step; goes to the next step if nothing is left in it.
    pub(super) async fn step(
        &self,
        db: &mut PgConnection,
        server: &Server,
        state: &mut ClaimState,
        cursor: Cursor,
        limit: i64,
    ) -> Result<Batch<Cursor>, JobError> {
        let batch = match cursor.clone() {
            Cursor::Objects { after, until, left, last_thread } => {
                let walk = Walk { after, until, left, last_thread };
                self.objects(&mut *db, server, state, walk, limit).await?
            }
            Cursor::Bookmarks { after } => {
                let next = next(&mut *db, sql::NEXT_BOOKMARKS, after, limit).await?;
                let delete = sql::delete_bookmarks(server);
                apply(&mut *db, delete, &next, limit, |after| Cursor::Bookmarks { after }).await?
            }
            Cursor::Activities(position) => {
                let reported = state.reports.named(&mut *db, server).await?;
                let orphans = self.orphans();
                let batch = orphans.batch(&mut *db, server, reported, position, limit).await?;
                batch.map(Cursor::Activities)
            }
            Cursor::Hashtags { after } => {
                let next = next(&mut *db, sql::NEXT_HASHTAGS, after, limit).await?;
                let delete = sql::delete_hashtags(server);
                apply(&mut *db, delete, &next, limit, |after| Cursor::Hashtags { after }).await?
            }
            Cursor::ReplyCounts { after } => reply_counts(&mut *db, after, limit).await?,
        };
        if !batch.end {
            return Ok(batch);
        }
        let next = self.after_step(&mut *db, server, &cursor).await?;
        Ok(match next {
            Some(cursor) => Batch { cursor, end: false, ..batch },
            None => batch,
        })
    }

    /// Begin of the step after one.
    async fn after_step(
        &self,
        db: &mut PgConnection,
        server: &Server,
        cursor: &Cursor,
    ) -> sqlx::Result<Option<Cursor>> {
        let done = match cursor {
            Cursor::Objects { .. } => 1,
            Cursor::Bookmarks { .. } => 2,
            Cursor::Activities(_) => 3,
            Cursor::Hashtags { .. } => 4,
            Cursor::ReplyCounts { .. } => 5,
        };
        let options = &self.options;
        Ok(if done < 2 && !options.keep_threads {
            Some(Cursor::Bookmarks { after: 0 })
        } else if done < 3 && options.prune_orphaned_activities {
            Some(Cursor::Activities(self.orphans().start(newest(db).await?)))
        } else if done < 4 && server.dialect.hashtags {
            Some(Cursor::Hashtags { after: 0 })
        } else if done < 5 && options.fix_replies_count {
            Some(Cursor::ReplyCounts { after: String::new() })
        } else {
            None
        })
    }

    /// Looks at the next `limit` objects, and deletes the old ones.
    async fn objects(
        &self,
        db: &mut PgConnection,
        server: &Server,
        state: &mut ClaimState,
        walk: Walk,
        limit: i64,
    ) -> sqlx::Result<Batch<Cursor>> {
        if !self.options.keep_threads && !self.options.keep_pinned {
            return self.delete_next(db, server, state, walk, limit).await;
        }
        let looked_at = next_objects(&mut *db, &walk, limit).await?;
        let Some(after) = looked_at.last().copied() else { return Ok(Batch::end(walk.into())) };
        let mut old = self.old(&mut *db, server, state, &walk, &looked_at).await?;
        let mut walk = Walk { after, ..walk };
        if let Some(left) = &mut walk.left {
            old.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
            *left -= count(&old);
        }
        let ids: Vec<i64> = old.into_iter().map(|old| old.id).collect();
        let done = if ids.is_empty() {
            0
        } else {
            sqlx::query(sql::DELETE_DELIVERIES).bind(&ids).execute(&mut *db).await?;
            let deleted = sqlx::query(sql::DELETE).bind(&ids).execute(&mut *db).await?;
            i64::try_from(deleted.rows_affected()).unwrap_or(i64::MAX)
        };
        let rows = Some(count(&looked_at)).filter(|rows| *rows < limit);
        let end = walk.left == Some(0);
        Ok(Batch { rows, end, ..Batch::go_on(done, walk.into()) })
    }

    /// The same in one statement, where neither threads nor pins matter.
    async fn delete_next(
        &self,
        db: &mut PgConnection,
        server: &Server,
        state: &mut ClaimState,
        walk: Walk,
        limit: i64,
    ) -> sqlx::Result<Batch<Cursor>> {
        let reported = state.reports.named(&mut *db, server).await?;
        let (last, looked_at, deleted): (Option<i64>, i64, i64) = sqlx::query_as(sql::DELETE_NEXT)
            .bind(self.before.naive_utc())
            .bind(&server.host)
            .bind(reported)
            .bind(self.options.keep_non_public)
            .bind(self.options.keep_followed.name())
            .bind(walk.after)
            .bind(walk.until)
            .bind(limit)
            .bind(walk.left)
            .fetch_one(&mut *db)
            .await?;
        let Some(after) = last else { return Ok(Batch::end(walk.into())) };
        let left = walk.left.map(|left| left - deleted);
        let rows = Some(looked_at).filter(|rows| *rows < limit);
        let end = left == Some(0);
        Ok(Batch { rows, end, ..Batch::go_on(deleted, Walk { after, left, ..walk }.into()) })
    }

    /// Locks those of some objects that are to be deleted.
    async fn old(
        &self,
        db: &mut PgConnection,
        server: &Server,
        state: &mut ClaimState,
        walk: &Walk,
        among: &[i64],
    ) -> sqlx::Result<Vec<Old>> {
        let reported = state.reports.named(&mut *db, server).await?;
        let options = &self.options;
        let sql = if options.keep_threads { sql::FIND_IN_THREADS } else { sql::FIND };
        let mut query = sqlx::query_as(sql)
            .bind(self.before.naive_utc())
            .bind(&server.host)
            .bind(reported)
            .bind(options.keep_non_public)
            .bind(options.keep_followed.name())
            .bind(among);
        if options.keep_threads {
            query = query.bind(&walk.last_thread);
        }
        let mut old: Vec<Old> = query.fetch_all(db).await?;
        old.retain(|old| !state.pins.has(old.ap_id.as_deref()));
        Ok(old)
    }

    /// First row of a step after a position that something is done to, and the position behind it.
    pub(super) async fn skip_one(
        &self,
        db: &mut PgConnection,
        server: &Server,
        state: &mut ClaimState,
        cursor: Cursor,
    ) -> Result<Option<Skipped<Cursor>>, JobError> {
        Ok(match cursor {
            Cursor::Objects { after, until, left, last_thread } => {
                let mut walk = Walk { after, until, left, last_thread };
                loop {
                    let looked_at = next_objects(&mut *db, &walk, 1).await?;
                    let Some(after) = looked_at.last().copied() else { break None };
                    walk.after = after;
                    let old = self.old(&mut *db, server, state, &walk, &looked_at).await?;
                    if let Some(old) = old.into_iter().next() {
                        let item = old.ap_id.unwrap_or_else(|| old.id.to_string());
                        break Some(Skipped { item, cursor: walk.into() });
                    }
                }
            }
            Cursor::Activities(position) => {
                let reported = state.reports.named(&mut *db, server).await?;
                let next = self.orphans().skip(&mut *db, server, reported, position).await?;
                next.map(|(activity, position)| Skipped {
                    item: activity.to_string(),
                    cursor: Cursor::Activities(position),
                })
            }
            Cursor::Bookmarks { after } => {
                let next = next(&mut *db, sql::NEXT_BOOKMARKS, after, 1).await?;
                next.first().map(|id| Skipped {
                    item: format!("bookmark {id}"),
                    cursor: Cursor::Bookmarks { after: *id },
                })
            }
            Cursor::Hashtags { after } => {
                let next = next(&mut *db, sql::NEXT_HASHTAGS, after, 1).await?;
                next.first().map(|id| Skipped {
                    item: format!("hashtag {id}"),
                    cursor: Cursor::Hashtags { after: *id },
                })
            }
            Cursor::ReplyCounts { after } => {
                let next = answered(&mut *db, &after, 1).await?;
                next.into_iter().next().map(|post| Skipped {
                    item: format!("replies to {post}"),
                    cursor: Cursor::ReplyCounts { after: post },
                })
            }
        })
    }
}

/// Next objects of the walk.
async fn next_objects(db: &mut PgConnection, walk: &Walk, limit: i64) -> sqlx::Result<Vec<i64>> {
    sqlx::query_scalar(sql::NEXT_OBJECTS)
        .bind(walk.after)
        .bind(walk.until)
        .bind(limit)
        .fetch_all(db)
        .await
}

/// Next rows of a table.
async fn next(
    db: &mut PgConnection,
    sql: &'static str,
    after: i64,
    limit: i64,
) -> sqlx::Result<Vec<i64>> {
    sqlx::query_scalar(sql).bind(after).bind(limit).fetch_all(db).await
}

/// Does something to those of some rows that need it.
async fn apply(
    db: &mut PgConnection,
    sql: &'static str,
    rows: &[i64],
    limit: i64,
    cursor: impl Fn(i64) -> Cursor,
) -> sqlx::Result<Batch<Cursor>> {
    let Some(last) = rows.last().copied() else { return Ok(Batch::end(cursor(0))) };
    let done = sqlx::query(sql).bind(rows).execute(db).await?.rows_affected();
    let done = i64::try_from(done).unwrap_or(i64::MAX);
    let rows = Some(count(rows)).filter(|rows| *rows < limit);
    Ok(Batch { rows, ..Batch::go_on(done, cursor(last)) })
}

/// What the next replies are to, each once.
async fn answered(db: &mut PgConnection, after: &str, limit: i64) -> sqlx::Result<Vec<String>> {
    let mut posts: Vec<String> =
        sqlx::query_scalar(sql::NEXT_ANSWERED).bind(after).bind(limit).fetch_all(db).await?;
    posts.dedup();
    Ok(posts)
}

/// Counts the replies to the next posts.
async fn reply_counts(
    db: &mut PgConnection,
    after: String,
    limit: i64,
) -> sqlx::Result<Batch<Cursor>> {
    let posts = answered(&mut *db, &after, limit).await?;
    let Some(last) = posts.last().cloned() else {
        return Ok(Batch::end(Cursor::ReplyCounts { after }));
    };
    let done = sqlx::query(sql::COUNT_REPLIES).bind(posts).execute(db).await?.rows_affected();
    let done = i64::try_from(done).unwrap_or(i64::MAX);
    Ok(Batch::go_on(done, Cursor::ReplyCounts { after: last }))
}

fn count<T>(rows: &[T]) -> i64 {
    i64::try_from(rows.len()).unwrap_or(i64::MAX)
}
