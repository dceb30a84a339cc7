//! The server's transactions for a new post, a like and a read of a timeline: its rows, in its
//! order.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};
use testkit::{Community, flake_text};
use uuid::Uuid;

use super::load::Kind;
use super::population::Population;

const AS_PUBLIC: &str = "https://www.w3.org/ns/activitystreams#Public";

/// About as long as a typical post.
const WORDS: &str = "The morning train was late again, so there was time to look at the river and to finish the book \
                     about bridges that somebody had left on the seat by the window. Number";

/// Any time: it is never read.
const PUBLISHED: &str = "2026-01-01T00:00:00.000000Z";

/// Performs the transactions of one client.
pub(super) struct Acts {
    population: Arc<Population>,
    random: StdRng,
    /// Part of every id that this client generates.
    node: u64,
    made: u64,
}

impl Acts {
    pub(super) fn new(population: Arc<Population>) -> Self {
        let node = Uuid::new_v4().as_u64_pair().1;
        Self { population, random: StdRng::seed_from_u64(node), node, made: 0 }
    }

    pub(super) async fn perform(&mut self, db: &mut PgConnection, kind: Kind) -> sqlx::Result<()> {
        match kind {
            Kind::Post => self.post(db).await,
            Kind::Like => self.like(db).await,
            Kind::Home => self.home(db).await,
            Kind::Public => public(db).await,
        }
    }

    /// Publishes a public post. From its second statement to its commit it holds the row of the
    /// host in `counter_cache`.
    async fn post(&mut self, db: &mut PgConnection) -> sqlx::Result<()> {
        let population = Arc::clone(&self.population);
        let author = &population.authors[self.random.random_range(0..population.authors.len())];
        let flake = self.flake();
        let (object, activity) = (url("objects"), url("activities"));
        let (to, cc) = (json!([AS_PUBLIC]), json!([author.followers]));
        let thread = url("contexts");
        let content = format!("{WORDS} {}.", self.made);
        let note = json!({
            "id": object, "type": "Note", "actor": author.ap_id, "to": to, "cc": cc, "context": thread,
            "content": content, "source": { "content": content, "mediaType": "text/plain" }, "summary": "",
            "tag": [], "attachment": [], "emoji": {}, "published": PUBLISHED,
        });
        let create = json!({
            "id": activity, "type": "Create", "actor": author.ap_id, "object": object, "to": to, "cc": cc,
            "context": thread, "published": PUBLISHED, "directMessage": false,
        });
        let mut tx = db.begin().await?;
        sqlx::query(
            "insert into objects (data, inserted_at, updated_at)
             values ($1, timezone('UTC', now()), timezone('UTC', now()))",
        )
        .bind(note)
        .execute(&mut *tx)
        .await?;
        let recipients = [AS_PUBLIC, &author.followers, &author.ap_id];
        insert_activity(&mut tx, flake, &create, &author.ap_id, &recipients).await?;
        sqlx::query(
            "update users set note_count = note_count + 1, last_status_at = timezone('UTC', now()) where id = $1",
        )
        .bind(author.id)
        .execute(&mut *tx)
        .await?;
        let add = json!({ "op": "add_to_index", "activity": flake_text(flake) });
        insert_job(&mut tx, "search_indexing", "Pleroma.Workers.SearchIndexingWorker", add).await?;
        publish(&mut tx, flake).await?;
        tx.commit().await
    }

    /// Likes a post that is not the deleted account's.
    async fn like(&mut self, db: &mut PgConnection) -> sqlx::Result<()> {
        let population = Arc::clone(&self.population);
        let liker = &population.authors[self.random.random_range(0..population.authors.len())];
        let post = &population.posts[self.random.random_range(0..population.posts.len())];
        let flake = self.flake();
        let like = json!({
            "id": url("activities"), "type": "Like", "actor": liker.ap_id, "object": post.object,
            "to": [post.author, liker.followers], "cc": [AS_PUBLIC], "bto": [], "bcc": [],
        });
        let mut tx = db.begin().await?;
        let recipients = [post.author.as_str(), &liker.followers, AS_PUBLIC];
        insert_activity(&mut tx, flake, &like, &liker.ap_id, &recipients).await?;
        sqlx::query(
            "update objects
             set data = data || jsonb_build_object(
                     'likes', jsonb_build_array($2::text) || coalesce(data -> 'likes', '[]'),
                     'like_count', 1 + coalesce(jsonb_array_length(data -> 'likes'), 0)),
                 updated_at = timezone('UTC', now())
             where id = $1",
        )
        .bind(post.row)
        .bind(&liker.ap_id)
        .execute(&mut *tx)
        .await?;
        if let Some(notified) = post.notified {
            sqlx::query(
                "insert into notifications (user_id, activity_id, type, inserted_at, updated_at)
                 values ($1, $2, 'favourite', timezone('UTC', now()), timezone('UTC', now()))",
            )
            .bind(notified)
            .bind(flake)
            .execute(&mut *tx)
            .await?;
        }
        publish(&mut tx, flake).await?;
        tx.commit().await
    }

    /// Reads the first page of an account's home timeline.
    async fn home(&mut self, db: &mut PgConnection) -> sqlx::Result<()> {
        let reader =
            &self.population.authors[self.random.random_range(0..self.population.authors.len())];
        sqlx::query(
            "select a.id, a.data, o.data
             from activities a
             join objects o on o.data ->> 'id' = associated_object_id(a.data)
             join users u on u.ap_id = a.actor and u.is_active
             where a.recipients && $1::varchar[] and a.data ->> 'type' in ('Create', 'Announce')
               and o.data ->> 'type' <> 'Answer'
             order by a.id desc nulls last limit 20",
        )
        .bind(&reader.home)
        .fetch_all(db)
        .await?;
        Ok(())
    }

    /// Generates an id like the server's: milliseconds, its generator, and a number.
    fn flake(&mut self) -> Uuid {
        self.made += 1;
        let ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let low = (self.node & !0xffff) | (self.made & 0xffff);
        Uuid::from_u128((ms << 64) | u128::from(low))
    }
}

/// Reads the first page of the public timeline.
async fn public(db: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::query(
        "select a.id, a.data, o.data
         from activities a
         join objects o on o.data ->> 'id' = associated_object_id(a.data)
         join users u on u.ap_id = a.actor and u.is_active
         where a.data ->> 'type' = 'Create' and activity_visibility(a.actor, a.recipients, a.data) = 'public'
         order by a.id desc nulls last limit 20",
    )
    .fetch_all(db)
    .await?;
    Ok(())
}

async fn insert_activity(
    db: &mut PgConnection,
    id: Uuid,
    data: &Value,
    actor: &str,
    recipients: &[&str],
) -> sqlx::Result<()> {
    sqlx::query(
        "insert into activities (id, data, actor, recipients, local, inserted_at, updated_at)
         values ($1, $2, $3, $4, true, timezone('UTC', now()), timezone('UTC', now()))",
    )
    .bind(id)
    .bind(data)
    .bind(actor)
    .bind(recipients)
    .execute(db)
    .await?;
    Ok(())
}

async fn publish(db: &mut PgConnection, activity: Uuid) -> sqlx::Result<()> {
    let args = json!({ "op": "publish", "activity_id": flake_text(activity) });
    insert_job(db, "federator_outgoing", "Pleroma.Workers.PublisherWorker", args).await
}

/// Inserts a job into the server's own queue, and notifies its listeners.
async fn insert_job(
    db: &mut PgConnection,
    queue: &str,
    worker: &str,
    args: Value,
) -> sqlx::Result<()> {
    sqlx::query("insert into oban_jobs (queue, worker, args, max_attempts) values ($1, $2, $3, 5)")
        .bind(queue)
        .bind(worker)
        .bind(args)
        .execute(&mut *db)
        .await?;
    sqlx::query("select pg_notify('public.oban_insert', $1)").bind(queue).execute(db).await?;
    Ok(())
}

fn url(kind: &str) -> String {
    format!("{}/{kind}/{}", Community::BASE, Uuid::new_v4())
}
