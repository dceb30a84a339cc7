//! The Undo of a Follow, as the server writes it when it removes an account (docs/semantics.md 2.3).

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use super::relations::{Follow, Relation};
use crate::{
    delete_activities::{About, publish_job},
    pleroma::{
        Actor, Flake, FlakesBefore, Flavour, ObanJob, Outgoing, Recipients, Search, Server,
        fan_out, insert_deliveries, published_now,
    },
};

/// A Follow that is taken back.
#[derive(Debug)]
pub(super) struct FollowUndo {
    id: Flake,
    actor: String,
    /// Whether the server can deliver in the follower's name.
    by_server: bool,
    follow_id: Uuid,
    follow: Value,
    recipient: String,
    context: String,
}

impl FollowUndo {
    /// Takes back the Follows of relations, as far as there are any.
    pub(super) fn of_all(server: &Server, relations: Vec<Relation>) -> Vec<Self> {
        let follows = relations.iter().filter_map(|relation| relation.follow.as_ref());
        let first = follows.map(|follow| follow.id).min().unwrap_or_default();
        let mut ids = FlakesBefore::new(first);
        let undo = |relation| Self::of(server, &mut ids, relation);
        relations.into_iter().filter_map(undo).collect()
    }

    /// Takes back the Follow of a relation; nothing when there is none.
    fn of(server: &Server, ids: &mut FlakesBefore, relation: Relation) -> Option<Self> {
        let Follow { id: follow_id, data: mut follow, .. } = relation.follow?;
        let fields = follow.as_object_mut()?;
        let new_context = || format!("{}/contexts/{}", server.base_url, Uuid::new_v4());
        let context =
            fields.get("context").and_then(Value::as_str).map_or_else(new_context, str::to_owned);
        fields.insert("context".to_owned(), context.as_str().into());
        fields.entry("published").or_insert_with(|| published_now().into());
        if server.shape.flavour != Flavour::Akkoma {
            fields.insert("state".to_owned(), "cancelled".into());
        }
        Some(Self {
            id: ids.generate(),
            actor: relation.follower_ap_id,
            by_server: relation.follower_local && relation.follower_active,
            follow_id,
            follow,
            recipient: relation.followed_ap_id,
            context,
        })
    }

    fn data(&self, server: &Server, context_row: Option<i64>) -> Value {
        let mut follow = self.follow.clone();
        let mut data = Map::new();
        if let (Some(row), Some(follow)) = (context_row, follow.as_object_mut()) {
            follow.insert("context_id".to_owned(), row.into());
            data.insert("context_id".to_owned(), row.into());
        }
        data.insert("type".to_owned(), "Undo".into());
        data.insert("actor".to_owned(), self.actor.as_str().into());
        data.insert("to".to_owned(), json!([self.recipient]));
        data.insert("object".to_owned(), follow);
        data.insert("id".to_owned(), server.new_activity_id().into());
        data.insert("published".to_owned(), published_now().into());
        data.insert("context".to_owned(), self.context.as_str().into());
        Value::Object(data)
    }

    /// What the server itself is left to do.
    fn jobs(&self, server: &Server) -> Vec<ObanJob> {
        let recipients = Recipients { to: vec![self.recipient.clone()], cc: Vec::new() };
        let publish = self
            .by_server
            .then(|| publish_job(server, self.id, &recipients, About::Activity(&self.follow)))
            .flatten();
        index_job(server, self.id).into_iter().chain(publish).collect()
    }
}

/// Writes the Undos of a batch, and does to their Follows what the server does. Gives when the last
/// delivery is due, if they are not all due at once.
pub(super) async fn write(
    db: &mut PgConnection,
    server: &Server,
    account: &Actor,
    undos: Vec<FollowUndo>,
) -> sqlx::Result<Option<DateTime<Utc>>> {
    if undos.is_empty() {
        return Ok(None);
    }
    let follows: Vec<Uuid> = undos.iter().map(|undo| undo.follow_id).collect();
    let sql = match server.shape.flavour {
        Flavour::Akkoma => "delete from public.activities where id = any ($1)",
        Flavour::Pleroma | Flavour::Pleroma22 => {
            "update public.activities
             set data = data || '{\"state\": \"cancelled\"}',
                 updated_at = date_trunc('second', timezone('UTC', now()))
             where id = any ($1)"
        }
    };
    sqlx::query(sql).bind(&follows).execute(&mut *db).await?;
    let contexts = insert_contexts(db, server, &undos).await?;
    let data: Vec<Value> =
        undos.iter().zip(contexts).map(|(undo, context)| undo.data(server, context)).collect();
    insert(db, &undos, &data).await?;
    let mut jobs: Vec<ObanJob> = undos.iter().flat_map(|undo| undo.jobs(server)).collect();
    jobs.extend(deliveries(db, server, account, undos, data).await?);
    insert_deliveries(db, server, jobs).await
}

/// Pleroma 2.2 has a row for each context.
async fn insert_contexts(
    db: &mut PgConnection,
    server: &Server,
    undos: &[FollowUndo],
) -> sqlx::Result<Vec<Option<i64>>> {
    if server.shape.flavour != Flavour::Pleroma22 {
        return Ok(vec![None; undos.len()]);
    }
    let contexts: Vec<&str> = undos.iter().map(|undo| undo.context.as_str()).collect();
    sqlx::query(
        "insert into public.objects (data, inserted_at, updated_at)
         select jsonb_build_object('id', context), moment, moment
         from unnest($1::text[]) with ordinality as new (context, n),
              date_trunc('second', timezone('UTC', now())) as moment
         order by n
         on conflict ((data ->> 'id')) do nothing",
    )
    .bind(&contexts)
    .execute(&mut *db)
    .await?;
    sqlx::query_scalar(
        "select o.id
         from unnest($1::text[]) with ordinality as wanted (context, n)
         left join public.objects o on o.data ->> 'id' = wanted.context
         order by n",
    )
    .bind(contexts)
    .fetch_all(db)
    .await
}

async fn insert(db: &mut PgConnection, undos: &[FollowUndo], data: &[Value]) -> sqlx::Result<()> {
    sqlx::query(
        "insert into public.activities (id, data, actor, recipients, local, inserted_at, updated_at)
         select new.id, new.data, new.actor, array[new.recipient], true, moment, moment
         from unnest($1::uuid[], $2::jsonb[], $3::text[], $4::text[])
                  as new (id, data, actor, recipient),
              date_trunc('second', timezone('UTC', now())) as moment",
    )
    .bind(undos.iter().map(|undo| undo.id.0).collect::<Vec<_>>())
    .bind(data)
    .bind(undos.iter().map(|undo| undo.actor.as_str()).collect::<Vec<_>>())
    .bind(undos.iter().map(|undo| undo.recipient.as_str()).collect::<Vec<_>>())
    .execute(db)
    .await?;
    Ok(())
}

/// Makes the deliveries to the servers of those whom the removed account followed. It is inactive,
/// so the server cannot do it.
async fn deliveries(
    db: &mut PgConnection,
    server: &Server,
    account: &Actor,
    undos: Vec<FollowUndo>,
    data: Vec<Value>,
) -> sqlx::Result<Vec<ObanJob>> {
    let outgoing: Vec<Outgoing> = undos
        .into_iter()
        .zip(data)
        .filter(|(undo, _)| undo.actor == account.ap_id)
        .map(|(undo, data)| Outgoing {
            id: undo.id,
            data,
            deleted_object: None,
            undone: Some(undo.follow),
        })
        .collect();
    fan_out(db, server, account, &outgoing).await
}

/// Puts a new activity into the search index, where the release does that.
fn index_job(server: &Server, activity: Flake) -> Option<ObanJob> {
    let activity = activity.to_string();
    let indexed = matches!(server.search, Search::Meilisearch | Search::Elasticsearch);
    let search = |args| ObanJob {
        queue: "search_indexing",
        worker: "Pleroma.Workers.SearchIndexingWorker",
        args,
        max_attempts: 2,
        priority: 0,
        scheduled_at: None,
    };
    match server.shape.flavour {
        Flavour::Akkoma if !indexed => None,
        Flavour::Pleroma if !server.shape.search_jobs => None,
        Flavour::Pleroma | Flavour::Akkoma => {
            Some(search(json!({ "op": "add_to_index", "activity": activity })))
        }
        Flavour::Pleroma22 => Some(ObanJob {
            queue: "background",
            worker: "Pleroma.Workers.BackgroundWorker",
            max_attempts: 1,
            ..search(json!({ "op": "fetch_data_for_activity", "activity_id": activity }))
        }),
    }
}
