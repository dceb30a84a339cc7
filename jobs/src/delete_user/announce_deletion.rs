//! Notifying other servers, and waiting until the deliveries are done.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::delete_activities::{base_activity, insert_activity};
use ostrakon_server::{
    Actor, Flake, Outgoing, Recipients, Server, fan_out, followers_address, insert_deliveries,
};

/// Writes the Delete of the account and its deliveries, one for each inbox of its followers
/// (docs/semantics.md 2.1 and 2.4). Returns when the last delivery is due, unless all are due
/// immediately.
pub(super) async fn announce(
    db: &mut PgConnection,
    server: &Server,
    account: &Actor,
) -> sqlx::Result<Option<DateTime<Utc>>> {
    let to = vec![followers_address(db, account).await?];
    let recipients = Recipients { to, cc: Vec::new() };
    let mut data = base_activity(server, account, "Delete", &account.ap_id, &recipients);
    if server.dialect.names_deleted_activity {
        data.insert("deleted_activity_id".to_owned(), Value::Null);
    }
    let id = server.flakes.generate();
    let ap_id = data.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    insert_activity(db, account, id, &Value::Object(data)).await?;
    let outgoing = [Outgoing { id, ap_id, deleted_object: None, undone: None }];
    let deliveries = fan_out(db, server, account, &outgoing).await?;
    insert_deliveries(db, server, deliveries).await
}

/// Deadline for the deliveries, by the database's clock; `None` if the run does not wait. Counted
/// from when the last delivery is due, if that is later than now.
pub(super) async fn deadline(
    db: &mut PgConnection,
    server: &Server,
    deliveries_until: Option<DateTime<Utc>>,
) -> sqlx::Result<Option<DateTime<Utc>>> {
    if server.publish_wait.is_zero() {
        return Ok(None);
    }
    sqlx::query_scalar("select greatest(clock_timestamp(), $2) + make_interval(secs => $1)")
        .bind(server.publish_wait.as_secs_f64())
        .bind(deliveries_until)
        .fetch_one(db)
        .await
        .map(Some)
}

/// Whether the deadline has passed.
pub(super) async fn is_over(db: &mut PgConnection, deadline: DateTime<Utc>) -> sqlx::Result<bool> {
    sqlx::query_scalar("select clock_timestamp() >= $1").bind(deadline).fetch_one(db).await
}

/// Whether the server still has to deliver on behalf of the account, or to reload the account, and
/// the deadline has not passed. If so, returns how long nothing can change because the last
/// delivery is not yet due.
pub(super) async fn must_wait(
    db: &mut PgConnection,
    account: &Actor,
    deliveries_until: Option<DateTime<Utc>>,
    deadline: DateTime<Utc>,
) -> sqlx::Result<Option<Duration>> {
    let written: Vec<(Uuid, String)> = sqlx::query_as(
        "select id, data ->> 'id' from public.activities
         where actor = $1 and data ->> 'type' in ('Delete', 'Undo')",
    )
    .bind(&account.ap_id)
    .fetch_all(&mut *db)
    .await?;
    let (ids, ap_ids): (Vec<String>, Vec<String>) =
        written.into_iter().map(|(id, ap_id)| (Flake(id).to_string(), ap_id)).unzip();
    let not_yet_due: Option<f64> = sqlx::query_scalar(
        "select greatest(extract(epoch from $5 - clock_timestamp()), 0)::float8
         where clock_timestamp() < $4 and exists (
             select from public.oban_jobs
             where state in ('available', 'scheduled', 'executing', 'retryable')
               and (queue = 'federator_outgoing' and args ->> 'op' = 'publish_one'
                      and (args -> 'params' ->> 'activity_id' = any ($1)
                           or args -> 'params' ->> 'id' = any ($2))
                    or queue = 'background' and args ->> 'user_id' = $3
                      and args ->> 'op' in ('verify_fields_links', 'user_activation',
                                            'deactivate_user')))",
    )
    .bind(ids)
    .bind(ap_ids)
    .bind(Flake(account.id).to_string())
    .bind(deadline)
    .bind(deliveries_until)
    .fetch_optional(db)
    .await?;
    Ok(not_yet_due.map(Duration::from_secs_f64))
}
