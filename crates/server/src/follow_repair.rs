//! Follows that count as accepted without a relation (docs/semantics.md 4.9).

use serde_json::{Value, json};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::{Actor, RecipientsForm, Server, insert_deliveries, publish_job};
use crate::dialect_sql;

/// Newest Follow of one account by another.
#[derive(Debug, Clone, FromRow)]
pub struct LatestFollow {
    /// Row id of the activity.
    pub id: Uuid,
    /// ActivityPub id of the activity.
    pub ap_id: String,
    /// Its state: `pending`, `accept`, `reject` or `cancelled`.
    pub state: String,
}

/// Statement about the Follows of account `$2` by account `$1`.
///
/// By the followed account, and in one pass (`offset 0`): a follower may have very many other
/// activities.
macro_rules! follows {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            "(select a.id from (select a.id, a.data, a.actor from public.activities a
                                where public.associated_object_id(a.data) = $2 offset 0) a
              where a.actor = $1 and a.data ->> 'type' = 'Follow' ",
            $after
        )
    };
}

/// Finds the newest Follow of an account by another one, and locks it until the transaction ends.
/// `None` if there is none, or if it has no state.
///
/// The server changes the Follow before the relation, so a relation that is read after this is the
/// one that belongs to the state.
pub async fn latest_follow(
    db: &mut PgConnection,
    server: &Server,
    follower: &Actor,
    target: &Actor,
) -> sqlx::Result<Option<LatestFollow>> {
    let sql = dialect_sql!(
        server,
        follows!(
            "select f.id, f.data ->> 'id' as ap_id, f.data ->> 'state' as state
             from public.activities f
             where f.data ->> 'id' is not null and f.data ->> 'state' is not null and f.id = ",
            "order by a.id desc limit 1) for no key update"
        )
    );
    sqlx::query_as(sql).bind(&follower.ap_id).bind(&target.ap_id).fetch_optional(db).await
}

/// Rejects a Follow on behalf of the followed account, as the server does: writes the Reject, sets
/// the state of all open and accepted Follows of the pair, deletes a relation that was not accepted
/// and the notifications of the Follow.
pub async fn reject_follow(
    db: &mut PgConnection,
    server: &Server,
    follower: &Actor,
    target: &Actor,
    follow: &LatestFollow,
) -> sqlx::Result<()> {
    let id = server.flakes.generate();
    sqlx::query(
        "insert into public.activities (id, data, actor, recipients, local, inserted_at, updated_at)
         select $1, $2, $3, array[$4], true, moment, moment
         from date_trunc('second', timezone('UTC', now())) as moment",
    )
    .bind(id.0)
    .bind(rejection(server, follower, target, follow))
    .bind(&target.ap_id)
    .bind(&follower.ap_id)
    .execute(&mut *db)
    .await?;
    let sql = dialect_sql!(
        server,
        follows!(
            "update public.activities f set data = jsonb_set(f.data, '{state}', '\"reject\"')
             where f.id in ",
            "and a.data ->> 'state' in ('pending', 'accept'))"
        )
    );
    sqlx::query(sql).bind(&follower.ap_id).bind(&target.ap_id).execute(&mut *db).await?;
    sqlx::query(
        "delete from public.following_relationships
         where follower_id = $1 and following_id = $2 and state <> 2",
    )
    .bind(follower.id)
    .bind(target.id)
    .execute(&mut *db)
    .await?;
    sqlx::query("delete from public.notifications where activity_id = $1")
        .bind(follow.id)
        .execute(&mut *db)
        .await?;
    let job = publish_job(server, id, 0, None);
    insert_deliveries(db, server, job.into_iter().collect()).await?;
    Ok(())
}

/// Document of the Reject.
fn rejection(server: &Server, follower: &Actor, target: &Actor, follow: &LatestFollow) -> Value {
    let mut data = json!({
        "id": server.new_activity_id(),
        "type": "Reject",
        "actor": target.ap_id,
        "object": follow.ap_id,
        "to": [follower.ap_id],
        "cc": [],
    });
    if server.dialect.recipients == RecipientsForm::Sorted {
        data["bto"] = json!([]);
        data["bcc"] = json!([]);
    }
    data
}
