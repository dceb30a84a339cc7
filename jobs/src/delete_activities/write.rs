//! Writes of a batch: one statement per table, in the order in which the server locks.
//!
//! The removal of posts comes last: its trigger locks the host's row in `counter_cache` until the
//! commit, and every new post of the server needs that row. Everything that can be done earlier is
//! done earlier. Immediately before the removal the deliveries take their places, for which all
//! runs wait in turn.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::{
    Cursor,
    about::{AboutThem, remove_others},
    decide::{Buried, Writes},
    recheck::Touched,
    server_jobs::insert_attachment_jobs,
    sql,
};
use ostrakon_engine::shorten_lock_timeout;
use ostrakon_server::{
    Actor, Pins, RecipientsForm, Server, fan_out, insert_deliveries, published_now,
};

/// Result of writing a batch.
#[derive(Debug)]
pub(super) struct Written {
    /// Number of removed activities that are in the plan.
    pub(super) removed: i64,
    /// Whether the account's own row changed.
    pub(super) account: bool,
    /// Time at which the last delivery is due, unless all are due immediately.
    pub(super) deliveries_until: Option<DateTime<Utc>>,
    /// Writes that other sessions may overwrite.
    pub(super) touched: Touched,
}

/// Writes a decided batch; `about` holds the activities about the deleted objects.
pub(super) async fn apply(
    db: &mut PgConnection,
    server: &Server,
    actor: &Actor,
    cursor: &Cursor,
    mut writes: Writes,
    about: AboutThem,
) -> sqlx::Result<Written> {
    let rows: Vec<i64> = writes.buried.iter().map(|buried| buried.row).collect();
    insert_deletes(db, server, actor, &writes.buried).await?;
    insert_undos(db, server, actor, &writes).await?;
    insert_attachment_jobs(db, server, actor, &rows).await?;
    bury(db, &rows).await?;
    let lowered = lessen(db, actor, &writes).await?;
    remove_hashtags(db, server, &rows).await?;
    remove_chat_messages(db, server, &rows).await?;
    let mut jobs = std::mem::take(&mut writes.jobs);
    jobs.extend(fan_out(db, server, actor, &writes.outgoing).await?);
    let deliveries_until = insert_deliveries(db, server, jobs).await?;
    let mut others = about.others;
    others.extend(&writes.undone);
    // A session that posts locks the host's counter before the post that it answers, which may be
    // one of ours.
    shorten_lock_timeout(db).await?;
    let others = remove_others(db, actor, cursor, others).await?;
    let (posts, account) = remove_posts(db, server, actor, cursor, about.posts, &writes).await?;
    let listed = writes.losses.iter().filter(|(_, lost)| lost.likes + lost.boosts > 0);
    let touched = Touched { buried: rows, lists: listed.map(|(row, _)| *row).collect(), lowered };
    Ok(Written { removed: others + posts, account, deliveries_until, touched })
}

/// Inserts Deletes, built from the objects that they delete.
async fn insert_deletes(
    db: &mut PgConnection,
    server: &Server,
    actor: &Actor,
    buried: &[Buried],
) -> sqlx::Result<()> {
    let deletes: Vec<_> =
        buried.iter().filter_map(|buried| Some((buried, buried.delete.as_ref()?))).collect();
    if deletes.is_empty() {
        return Ok(());
    }
    let sql = match server.dialect.recipients {
        RecipientsForm::Reversed => sql::INSERT_DELETES_PLEROMA22,
        RecipientsForm::Sorted => sql::INSERT_DELETES,
    };
    sqlx::query(sql)
        .bind(deletes.iter().map(|(buried, _)| buried.row).collect::<Vec<_>>())
        .bind(deletes.iter().map(|(_, delete)| delete.id.0).collect::<Vec<_>>())
        .bind(deletes.iter().map(|(_, delete)| delete.ap_id.as_str()).collect::<Vec<_>>())
        .bind(deletes.iter().map(|(buried, _)| buried.post.as_deref()).collect::<Vec<_>>())
        .bind(&actor.ap_id)
        .execute(db)
        .await?;
    Ok(())
}

/// Inserts Undos, built from the likes and boosts that they take back.
async fn insert_undos(
    db: &mut PgConnection,
    server: &Server,
    actor: &Actor,
    writes: &Writes,
) -> sqlx::Result<()> {
    let undos = &writes.undos;
    if undos.is_empty() {
        return Ok(());
    }
    let sql = match server.dialect.recipients {
        RecipientsForm::Reversed => sql::INSERT_UNDOS_PLEROMA22,
        RecipientsForm::Sorted => sql::INSERT_UNDOS,
    };
    sqlx::query(sql)
        .bind(undos.iter().map(|undone| undone.id).collect::<Vec<_>>())
        .bind(undos.iter().map(|undone| undone.undo.id.0).collect::<Vec<_>>())
        .bind(undos.iter().map(|undone| undone.undo.ap_id.as_str()).collect::<Vec<_>>())
        .bind(&actor.ap_id)
        .execute(db)
        .await?;
    Ok(())
}

/// Turns objects into tombstones.
async fn bury(db: &mut PgConnection, rows: &[i64]) -> sqlx::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "update public.objects o
         set data = jsonb_build_object('id', o.data -> 'id', 'type', 'Tombstone', 'formerType',
                 case when jsonb_typeof(o.data -> 'type') = 'string' then o.data ->> 'type' else '' end,
                 'deleted', $2::text),
             updated_at = date_trunc('second', timezone('UTC', now()))
         where o.id = any ($1)",
    )
    .bind(rows)
    .bind(published_now())
    .execute(db)
    .await?;
    Ok(())
}

/// Object whose counters were lowered: by how much, and to what, if that is a number.
#[derive(Debug, FromRow)]
struct Lowered {
    id: i64,
    replies: i32,
    quotes: i32,
    replies_left: Option<i64>,
    quotes_left: Option<i64>,
}

/// Removes likes, boosts, replies and quotes from objects. Returns the objects whose counters were
/// lowered.
async fn lessen(db: &mut PgConnection, actor: &Actor, writes: &Writes) -> sqlx::Result<Vec<i64>> {
    let losses = &writes.losses;
    if losses.is_empty() {
        return Ok(Vec::new());
    }
    let mut lessened: Vec<Lowered> = sqlx::query_as(sql::LESSEN)
        .bind(&actor.ap_id)
        .bind(losses.keys().copied().collect::<Vec<_>>())
        .bind(losses.values().map(|lost| lost.replies).collect::<Vec<_>>())
        .bind(losses.values().map(|lost| lost.quotes).collect::<Vec<_>>())
        .bind(losses.values().map(|lost| lost.likes).collect::<Vec<_>>())
        .bind(losses.values().map(|lost| lost.boosts).collect::<Vec<_>>())
        .fetch_all(&mut *db)
        .await?;
    lessened.retain(|lost| lost.replies != 0 || lost.quotes != 0);
    note_lowered(db, &lessened).await?;
    Ok(lessened.into_iter().map(|lowered| lowered.id).collect())
}

/// Lowers the counters of replies and quotes of objects.
pub(crate) async fn lower_replies(
    db: &mut PgConnection,
    lost: &BTreeMap<i64, (i32, i32)>,
) -> sqlx::Result<()> {
    if lost.is_empty() {
        return Ok(());
    }
    let mut lowered: Vec<Lowered> = sqlx::query_as(sql::LESSEN)
        .bind("")
        .bind(lost.keys().copied().collect::<Vec<_>>())
        .bind(lost.values().map(|(replies, _)| *replies).collect::<Vec<_>>())
        .bind(lost.values().map(|(_, quotes)| *quotes).collect::<Vec<_>>())
        .bind(vec![0; lost.len()])
        .bind(vec![0; lost.len()])
        .fetch_all(&mut *db)
        .await?;
    lowered.retain(|lost| lost.replies != 0 || lost.quotes != 0);
    note_lowered(db, &lowered).await
}

/// Records the counters that the run leaves. A statement of its own sees what other runs recorded
/// while this one waited for the objects.
async fn note_lowered(db: &mut PgConnection, lowered: &[Lowered]) -> sqlx::Result<()> {
    if lowered.is_empty() {
        return Ok(());
    }
    sqlx::query(include_str!("note_lowered.sql"))
        .bind(lowered.iter().map(|lowered| lowered.id).collect::<Vec<_>>())
        .bind(lowered.iter().map(|lowered| lowered.replies).collect::<Vec<_>>())
        .bind(lowered.iter().map(|lowered| lowered.replies_left).collect::<Vec<_>>())
        .bind(lowered.iter().map(|lowered| lowered.quotes).collect::<Vec<_>>())
        .bind(lowered.iter().map(|lowered| lowered.quotes_left).collect::<Vec<_>>())
        .execute(db)
        .await?;
    Ok(())
}

/// Unlinks hashtags, and removes those that no post uses and no account follows any more.
pub(crate) async fn remove_hashtags(
    db: &mut PgConnection,
    server: &Server,
    objects: &[i64],
) -> sqlx::Result<()> {
    if !server.dialect.hashtags || objects.is_empty() {
        return Ok(());
    }
    let unlinked: Vec<i64> = sqlx::query_scalar(
        "with unlinked as (
             delete from public.hashtags_objects where object_id = any ($1) returning hashtag_id
         )
         select distinct hashtag_id from unlinked",
    )
    .bind(objects)
    .fetch_all(&mut *db)
    .await?;
    if unlinked.is_empty() {
        return Ok(());
    }
    let sql = if server.schema.followed_hashtags {
        include_str!("remove_hashtags_nobody_follows.sql")
    } else {
        include_str!("remove_hashtags.sql")
    };
    sqlx::query(sql).bind(unlinked).execute(db).await?;
    Ok(())
}

pub(super) async fn remove_chat_messages(
    db: &mut PgConnection,
    server: &Server,
    objects: &[i64],
) -> sqlx::Result<()> {
    if !server.dialect.chats || objects.is_empty() {
        return Ok(());
    }
    sqlx::query("delete from public.chat_message_references where object_id = any ($1)")
        .bind(objects)
        .execute(db)
        .await?;
    Ok(())
}

/// Removes posts, lowers their authors' counters and removes their pins. Returns the number of
/// removed activities of the plan, and whether the account's own row changed.
async fn remove_posts(
    db: &mut PgConnection,
    server: &Server,
    actor: &Actor,
    cursor: &Cursor,
    posts: Vec<Uuid>,
    writes: &Writes,
) -> sqlx::Result<(i64, bool)> {
    if posts.is_empty() && writes.authors.is_empty() {
        return Ok((0, false));
    }
    let sql = match server.dialect.pins {
        Pins::Objects => include_str!("remove_posts.sql"),
        Pins::Activities => include_str!("pleroma22_remove_posts.sql"),
    };
    let authors = &writes.authors;
    sqlx::query_as(sql)
        .bind(posts)
        .bind(&actor.ap_id)
        .bind(cursor.after)
        .bind(cursor.until)
        .bind(authors.keys().collect::<Vec<_>>())
        .bind(authors.values().map(|author| author.public_posts).collect::<Vec<_>>())
        .bind(
            authors.values().map(|author| Value::from(author.pins.as_slice())).collect::<Vec<_>>(),
        )
        .fetch_one(db)
        .await
}
