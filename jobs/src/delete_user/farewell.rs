//! Telling other servers, and waiting until they have been told.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::pleroma::{Actor, Flake, Flavour, Outgoing, Server, fan_out, insert_oban_jobs};

/// Writes the Delete of the account and its deliveries, one for each inbox of its followers
/// (docs/semantics.md 2.1 and 2.4).
pub(super) async fn announce(
    db: &mut PgConnection,
    server: &Server,
    account: &Actor,
) -> sqlx::Result<()> {
    let followers: Option<String> =
        sqlx::query_scalar("select follower_address from public.users where id = $1")
            .bind(account.id)
            .fetch_one(&mut *db)
            .await?;
    let followers = followers.unwrap_or_else(|| format!("{}/followers", account.ap_id));
    let id = server.flakes.generate();
    let data = delete_of_account(server, account, &followers);
    sqlx::query(
        "insert into public.activities (id, data, actor, recipients, local, inserted_at, updated_at)
         select $1, $2, $3, array[$4], true, moment, moment
         from date_trunc('second', timezone('UTC', now())) as moment",
    )
    .bind(id.0)
    .bind(&data)
    .bind(&account.ap_id)
    .bind(&followers)
    .execute(&mut *db)
    .await?;
    let outgoing = [Outgoing { id, data, deleted_object: None, undone: None }];
    let deliveries = fan_out(db, server, account, &outgoing).await?;
    insert_oban_jobs(db, &deliveries).await
}

fn delete_of_account(server: &Server, account: &Actor, followers: &str) -> Value {
    let mut data = Map::new();
    let id = format!("{}/activities/{}", server.base_url, Uuid::new_v4());
    data.insert("id".to_owned(), id.into());
    data.insert("type".to_owned(), "Delete".into());
    data.insert("actor".to_owned(), account.ap_id.as_str().into());
    data.insert("object".to_owned(), account.ap_id.as_str().into());
    data.insert("to".to_owned(), json!([followers]));
    data.insert("cc".to_owned(), json!([]));
    if server.shape.flavour == Flavour::Pleroma22 {
        data.insert("deleted_activity_id".to_owned(), Value::Null);
    } else {
        data.insert("bto".to_owned(), json!([]));
        data.insert("bcc".to_owned(), json!([]));
    }
    Value::Object(data)
}

/// When waiting is over, by the database's clock; `None`: it is not waited at all.
pub(super) async fn deadline(
    db: &mut PgConnection,
    server: &Server,
) -> sqlx::Result<Option<DateTime<Utc>>> {
    if server.publish_wait.is_zero() {
        return Ok(None);
    }
    sqlx::query_scalar("select clock_timestamp() + make_interval(secs => $1)")
        .bind(server.publish_wait.as_secs_f64())
        .fetch_one(db)
        .await
        .map(Some)
}

/// Whether the server still has to deliver in the account's name, or to read the account anew, and
/// there is time left for it.
pub(super) async fn must_wait(
    db: &mut PgConnection,
    account: &Actor,
    begun_after: Uuid,
    deadline: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let written: Vec<(Uuid, String)> = sqlx::query_as(
        "select id, data ->> 'id' from public.activities
         where actor = $1 and id > $2 and data ->> 'type' in ('Delete', 'Undo')
         order by id nulls first",
    )
    .bind(&account.ap_id)
    .bind(begun_after)
    .fetch_all(&mut *db)
    .await?;
    let (ids, ap_ids): (Vec<String>, Vec<String>) =
        written.into_iter().map(|(id, ap_id)| (Flake(id).to_string(), ap_id)).unzip();
    sqlx::query_scalar(
        "select clock_timestamp() < $4 and exists (
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
    .fetch_one(db)
    .await
}
