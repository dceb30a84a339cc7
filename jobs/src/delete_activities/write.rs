//! What a batch writes: one statement per table, in the order in which the server locks.
//!
//! The removal of posts comes last: its trigger locks the host's row in `counter_cache`, which every
//! new post of the server needs, until the commit. Whatever can be done before it, is; right before
//! the removals the deliveries take their places, for which all runs wait in turn.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Cursor,
    decide::{NewActivity, Writes},
    sql,
};
use crate::engine::hurry;
use crate::pleroma::{Actor, AssociatedObject, Pins, Server, fan_out, insert_deliveries};

/// What writing a batch led to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Written {
    /// Activities of the plan that went.
    pub(super) removed: i64,
    /// Whether the account's own row changed.
    pub(super) account: bool,
    /// When the last delivery is due, if they are not all due at once.
    pub(super) deliveries_until: Option<DateTime<Utc>>,
}

/// Writes a decided batch.
pub(super) async fn apply(
    db: &mut PgConnection,
    server: &Server,
    actor: &Actor,
    cursor: &Cursor,
    mut writes: Writes,
) -> sqlx::Result<Written> {
    let rows: Vec<i64> = writes.tombstones.keys().copied().collect();
    insert_activities(db, actor, &writes.activities).await?;
    bury(db, &writes).await?;
    patch(db, &writes).await?;
    lower_counters(db, &writes).await?;
    remove_hashtags(db, server, &rows).await?;
    remove_chat_messages(db, server, &rows).await?;
    let mut jobs = std::mem::take(&mut writes.jobs);
    jobs.extend(fan_out(db, server, actor, &writes.outgoing).await?);
    let deliveries_until = insert_deliveries(db, server, jobs).await?;
    // Whoever posts has the host's counter before the post that is answered, which may be ours.
    hurry(db).await?;
    let (others, posts) = remove_others(db, server, actor, cursor, &writes).await?;
    let (posts, account) = remove_posts(db, server, actor, cursor, posts, &writes).await?;
    Ok(Written { removed: others + posts, account, deliveries_until })
}

/// Inserts activities of one account; their recipients are `to`, then `cc`.
pub(crate) async fn insert_activities(
    db: &mut PgConnection,
    actor: &Actor,
    activities: &[NewActivity],
) -> sqlx::Result<()> {
    if activities.is_empty() {
        return Ok(());
    }
    sqlx::query(include_str!("insert_activities.sql"))
        .bind(activities.iter().map(|new| new.id.0).collect::<Vec<Uuid>>())
        .bind(activities.iter().map(|new| &new.data).collect::<Vec<_>>())
        .bind(&actor.ap_id)
        .execute(db)
        .await?;
    Ok(())
}

/// Turns objects into tombstones.
async fn bury(db: &mut PgConnection, writes: &Writes) -> sqlx::Result<()> {
    if writes.tombstones.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "update public.objects o
         set data = tombstone.data, updated_at = date_trunc('second', timezone('UTC', now()))
         from unnest($1::bigint[], $2::jsonb[]) as tombstone (id, data)
         where o.id = tombstone.id",
    )
    .bind(writes.tombstones.keys().copied().collect::<Vec<_>>())
    .bind(writes.tombstones.values().collect::<Vec<_>>())
    .execute(db)
    .await?;
    Ok(())
}

/// Takes likes and boosts from objects.
async fn patch(db: &mut PgConnection, writes: &Writes) -> sqlx::Result<()> {
    if writes.patches.is_empty() {
        return Ok(());
    }
    let patches = writes.patches.values().cloned().map(Value::Object);
    sqlx::query(
        "update public.objects o
         set data = o.data || patch.data,
             updated_at = date_trunc('second', timezone('UTC', now()))
         from unnest($1::bigint[], $2::jsonb[]) as patch (id, data)
         where o.id = patch.id",
    )
    .bind(writes.patches.keys().copied().collect::<Vec<_>>())
    .bind(patches.collect::<Vec<_>>())
    .execute(db)
    .await?;
    Ok(())
}

/// Lowers the counters of replied and quoted posts.
async fn lower_counters(db: &mut PgConnection, writes: &Writes) -> sqlx::Result<()> {
    if writes.referenced.is_empty() {
        return Ok(());
    }
    sqlx::query(include_str!("lower_counters.sql"))
        .bind(writes.referenced.keys().collect::<Vec<_>>())
        .bind(writes.referenced.values().map(|lost| lost.replies).collect::<Vec<_>>())
        .bind(writes.referenced.values().map(|lost| lost.quotes).collect::<Vec<_>>())
        .execute(db)
        .await?;
    Ok(())
}

/// Unlinks hashtags, and removes those that nobody uses or follows any more.
async fn remove_hashtags(
    db: &mut PgConnection,
    server: &Server,
    objects: &[i64],
) -> sqlx::Result<()> {
    if !server.shape.hashtags || objects.is_empty() {
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
    let sql = if server.shape.followed_hashtags {
        include_str!("remove_hashtags_nobody_follows.sql")
    } else {
        include_str!("remove_hashtags.sql")
    };
    sqlx::query(sql).bind(unlinked).execute(db).await?;
    Ok(())
}

async fn remove_chat_messages(
    db: &mut PgConnection,
    server: &Server,
    objects: &[i64],
) -> sqlx::Result<()> {
    if !server.shape.chats || objects.is_empty() {
        return Ok(());
    }
    sqlx::query("delete from public.chat_message_references where object_id = any ($1)")
        .bind(objects)
        .execute(db)
        .await?;
    Ok(())
}

/// Removes what is about the deleted objects, but for the posts themselves, which it names.
async fn remove_others(
    db: &mut PgConnection,
    server: &Server,
    actor: &Actor,
    cursor: &Cursor,
    writes: &Writes,
) -> sqlx::Result<(i64, Vec<Uuid>)> {
    if writes.deleted_objects.is_empty() && writes.undone.is_empty() {
        return Ok((0, Vec::new()));
    }
    let sql = match server.shape.associated_object {
        AssociatedObject::Function => sql::REMOVE_OTHERS_FUNCTION,
        AssociatedObject::Coalesce => sql::REMOVE_OTHERS_COALESCE,
    };
    sqlx::query_as(sql)
        .bind(&writes.deleted_objects)
        .bind(&writes.undone)
        .bind(&actor.ap_id)
        .bind(cursor.after)
        .bind(cursor.until)
        .fetch_one(db)
        .await
}

/// Removes posts, lowers their authors' counts and removes their pins. Returns how many of the plan
/// went, and whether the account's own row changed.
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
    let sql = match server.shape.pins {
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
