//! Rechecking what batches wrote (docs/semantics.md 1.9).
//!
//! The server reads an object, and writes its whole map a moment later with one more like, vote or
//! boost. If a batch commits between the two, the server overwrites its tombstone with the old
//! post, or its counter or list with the old one. Nothing can keep the server from that. So the run
//! rechecks everything that a batch overwrote, once the writers of that moment must be done.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgConnection;

use super::{
    server_jobs::search_job,
    sql,
    write::{remove_chat_messages, remove_hashtags},
};
use ostrakon_engine::{Count, JobError, read};
use ostrakon_server::{LoweredReplies, Pins, Server, as_public, dialect_sql, insert_oban_jobs};

/// Writes of a batch that other sessions may undo; a wire format.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Touched {
    /// Object rows that became tombstones.
    pub(super) buried: Vec<i64>,
    /// Object rows whose likes or boosts no longer contain the account.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) lists: Vec<i64>,
    /// Object rows whose counters were lowered, as recorded in `ostrakon.lowered_counters`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) lowered: Vec<i64>,
}

impl Touched {
    /// Form that the ledger keeps; `None` if there is nothing to recheck.
    pub(super) fn written(&self) -> Result<Option<Value>, JobError> {
        if *self == Self::default() {
            return Ok(None);
        }
        serde_json::to_value(self).map(Some).map_err(|error| JobError::Fail(error.into()))
    }

    fn read(written: &Value) -> Result<Self, JobError> {
        read(written).map_err(|error| {
            JobError::Newer(format!("what its batches wrote cannot be read: {error}"))
        })
    }
}

/// Counts the rows of a batch that are no longer tombstones.
pub(crate) async fn count_undone(
    db: &mut PgConnection,
    server: &Server,
    written: &Value,
) -> Result<i64, JobError> {
    let sql = dialect_sql!(server, include_str!("count_undead.sql"));
    let Touched { buried, .. } = Touched::read(written)?;
    Ok(sqlx::query_scalar(sql).bind(buried).fetch_one(db).await?)
}

/// Rechecks what a batch wrote for an account, and restores what other sessions overwrote.
pub(crate) async fn recheck(
    db: &mut PgConnection,
    server: &Server,
    actor: &str,
    written: &Value,
) -> Result<Vec<Count>, JobError> {
    let Touched { buried, lists, lowered } = Touched::read(written)?;
    let counts = [
        ("posts", bury_again(db, server, &buried).await?),
        ("pins", unpin(db, server, actor, &buried).await?),
        ("lists of likes and boosts", take_back_again(db, server, actor, &lists).await?),
        ("counters of replies and quotes", lower_again(db, server, &lowered).await?),
    ];
    let set_right = counts.into_iter().filter(|(_, items)| *items > 0);
    Ok(set_right.map(|(kind, items)| Count::new(kind, items)).collect())
}

/// Turns rows that are no longer proper tombstones into tombstones again, and removes what was
/// written about them since.
async fn bury_again(
    db: &mut PgConnection,
    server: &Server,
    buried: &[i64],
) -> Result<i64, JobError> {
    let undead: Vec<i64> =
        sqlx::query_scalar(sql::LOCK_UNDEAD).bind(buried).fetch_all(&mut *db).await?;
    if undead.is_empty() {
        return Ok(0);
    }
    let sql = dialect_sql!(server, include_str!("bury_again.sql"));
    let again: Vec<(i64, String)> = sqlx::query_as(sql).bind(undead).fetch_all(&mut *db).await?;
    let (rows, ap_ids): (Vec<i64>, Vec<String>) = again.into_iter().unzip();
    remove_hashtags(db, server, &rows).await?;
    remove_chat_messages(db, server, &rows).await?;
    let jobs: Vec<_> = rows.iter().filter_map(|row| search_job(server, *row)).collect();
    insert_oban_jobs(db, &jobs).await?;
    let sql = dialect_sql!(server, include_str!("remove_about.sql"));
    sqlx::query(sql).bind(ap_ids).execute(db).await?;
    Ok(i64::try_from(rows.len()).unwrap_or(i64::MAX))
}

/// Removes pins of deleted posts.
async fn unpin(
    db: &mut PgConnection,
    server: &Server,
    actor: &str,
    buried: &[i64],
) -> sqlx::Result<i64> {
    if buried.is_empty() || server.dialect.pins != Pins::Objects {
        return Ok(0);
    }
    let unpinned =
        sqlx::query(include_str!("unpin.sql")).bind(actor).bind(buried).execute(db).await?;
    Ok(rows(&unpinned))
}

/// Removes the account again from lists of likes and boosts where it has no such activity.
async fn take_back_again(
    db: &mut PgConnection,
    server: &Server,
    actor: &str,
    lists: &[i64],
) -> sqlx::Result<i64> {
    if lists.is_empty() {
        return Ok(0);
    }
    let listed: Vec<i64> =
        sqlx::query_scalar(sql::LOCK_LISTED).bind(lists).bind(actor).fetch_all(&mut *db).await?;
    if listed.is_empty() {
        return Ok(0);
    }
    let sql = dialect_sql!(server, include_str!("take_back_again.sql"));
    let taken = sqlx::query(sql).bind(listed).bind(actor).execute(db).await?;
    Ok(rows(&taken))
}

/// Lowers counters again that are higher than what the run leaves, and higher than the number of
/// existing replies and quotes.
async fn lower_again(db: &mut PgConnection, server: &Server, lowered: &[i64]) -> sqlx::Result<i64> {
    if lowered.is_empty() {
        return Ok(0);
    }
    let raised: Vec<i64> = sqlx::query_scalar(include_str!("lock_raised.sql"))
        .bind(lowered)
        .fetch_all(&mut *db)
        .await?;
    if raised.is_empty() {
        return Ok(0);
    }
    let counted = server.dialect.lowered_replies;
    let public = (counted != LoweredReplies::All)
        .then(|| vec![as_public().to_owned(), server.local_public()]);
    let set_right = sqlx::query(include_str!("lower_again.sql"))
        .bind(raised)
        .bind(public)
        .bind(counted != LoweredReplies::PublicExceptVotes)
        .execute(db)
        .await?;
    Ok(rows(&set_right))
}

fn rows(done: &sqlx::postgres::PgQueryResult) -> i64 {
    i64::try_from(done.rows_affected()).unwrap_or(i64::MAX)
}
