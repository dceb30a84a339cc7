//! What a batch reads and locks.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::Value;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::Cursor;
use crate::pleroma::{AssociatedObject, Server};

/// An activity of the account.
#[derive(Debug, Clone, FromRow)]
pub(super) struct Activity {
    pub(super) id: Uuid,
    pub(super) ap_id: Option<String>,
    /// ActivityPub type.
    pub(super) kind: Option<String>,
    /// The object it is about, by the rule of the server's own index.
    pub(super) object_id: Option<String>,
    /// All of it, for likes and boosts only.
    pub(super) data: Option<Value>,
    /// When the server was told to delete the post by itself (Pleroma 2.2).
    pub(super) expires_at: Option<String>,
}

impl Activity {
    /// Whether the job deals with activities of this type at all.
    pub(super) fn is_concerned(&self) -> bool {
        matches!(self.kind.as_deref(), Some("Create" | "Like" | "Announce"))
    }
}

/// An object row.
#[derive(Debug, FromRow)]
pub(super) struct Object {
    pub(super) id: i64,
    pub(super) data: Value,
}

impl Object {
    fn by_ap_id(self) -> Option<(String, Self)> {
        Some((self.data.get("id")?.as_str()?.to_owned(), self))
    }
}

/// Objects by their ActivityPub id.
pub(super) type Objects = HashMap<String, Object>;

/// The account's newest activity.
pub(crate) async fn last_activity(
    db: &mut PgConnection,
    actor: &str,
) -> sqlx::Result<Option<Uuid>> {
    sqlx::query_scalar(
        "select id from public.activities where actor = $1 order by id desc nulls last limit 1",
    )
    .bind(actor)
    .fetch_optional(db)
    .await
}

/// Counts posts, likes and boosts up to an activity.
pub(crate) async fn count(
    db: &mut PgConnection,
    actor: &str,
    until: Uuid,
) -> sqlx::Result<[i64; 3]> {
    let (posts, likes, boosts) =
        sqlx::query_as(include_str!("count.sql")).bind(actor).bind(until).fetch_one(db).await?;
    Ok([posts, likes, boosts])
}

/// Walks over the account's next activities, of every type.
pub(super) async fn walk(
    db: &mut PgConnection,
    server: &Server,
    actor: &str,
    cursor: &Cursor,
    limit: i64,
) -> sqlx::Result<Vec<Activity>> {
    let sql = match server.shape.associated_object {
        AssociatedObject::Function => super::sql::WALK_FUNCTION,
        AssociatedObject::Coalesce => super::sql::WALK_COALESCE,
    };
    sqlx::query_as(sql)
        .bind(actor)
        .bind(cursor.after)
        .bind(cursor.until)
        .bind(limit)
        .fetch_all(db)
        .await
}

/// Locks the objects that the activities are about, in the order of their rows.
pub(super) async fn lock_objects(
    db: &mut PgConnection,
    walked: &[Activity],
) -> sqlx::Result<Objects> {
    let ids: Vec<&str> = walked
        .iter()
        .filter(|activity| activity.is_concerned())
        .filter_map(|activity| activity.object_id.as_deref())
        .collect();
    let objects: Vec<Object> = sqlx::query_as(
        "select id, data from public.objects where data ->> 'id' = any ($1) order by id for update",
    )
    .bind(ids)
    .fetch_all(db)
    .await?;
    Ok(objects.into_iter().filter_map(Object::by_ap_id).collect())
}

/// Makes tombstones for posts whose object is not there, as the server does before it deletes them.
pub(super) async fn insert_missing(
    db: &mut PgConnection,
    actor: &str,
    activities: &[Activity],
    objects: &mut Objects,
) -> sqlx::Result<()> {
    let missing: Vec<&str> = activities
        .iter()
        .filter(|activity| activity.kind.as_deref() == Some("Create"))
        .filter_map(|activity| activity.object_id.as_deref())
        .filter(|object_id| !objects.contains_key(*object_id))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let made: Vec<Object> = sqlx::query_as(
        "insert into public.objects (data, inserted_at, updated_at)
         select jsonb_build_object('id', missing.id, 'type', 'Tombstone', 'actor', $2::text),
                moment, moment
         from unnest($1::text[]) as missing (id),
              date_trunc('second', timezone('UTC', now())) as moment
         returning id, data",
    )
    .bind(missing)
    .bind(actor)
    .fetch_all(db)
    .await?;
    objects.extend(made.into_iter().filter_map(Object::by_ap_id));
    Ok(())
}

/// Leaves out activities that the server removed while we waited for the locks.
pub(super) async fn still_there(
    db: &mut PgConnection,
    walked: Vec<Activity>,
) -> sqlx::Result<Vec<Activity>> {
    let concerned: Vec<Activity> = walked.into_iter().filter(Activity::is_concerned).collect();
    let ids: Vec<Uuid> = concerned.iter().map(|activity| activity.id).collect();
    let there: HashSet<Uuid> =
        sqlx::query_scalar("select id from public.activities where id = any ($1)")
            .bind(ids)
            .fetch_all(db)
            .await?
            .into_iter()
            .collect();
    Ok(concerned.into_iter().filter(|activity| there.contains(&activity.id)).collect())
}
