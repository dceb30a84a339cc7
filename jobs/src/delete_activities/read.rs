//! Reads and locks of a batch. Of documents from other servers only names leave the database, and
//! never more bytes than a batch may have.

use std::collections::{BTreeSet, HashMap, HashSet};

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::Cursor;
use ostrakon_server::{Server, as_public, dialect_sql};

/// Maximum size in bytes of the object rows that one batch deals with, unless it is a single row.
const BATCH_BYTES: i64 = 4 << 20;

/// An activity of the account.
#[derive(Debug, Clone, FromRow)]
pub(super) struct Activity {
    pub(super) id: Uuid,
    pub(super) ap_id: Option<String>,
    /// ActivityPub type, if the job deals with activities of this type.
    pub(super) kind: Option<String>,
    /// Object that the activity is about, by the rule of the server's own index.
    pub(super) object_id: Option<String>,
    /// Rows of that object; more than one where the server's unique index is missing.
    object_rows: Vec<i64>,
    /// Time at which the server was asked to delete the post by itself (Pleroma 2.2).
    pub(super) expires_at: Option<String>,
}

impl Activity {
    pub(super) fn is_post(&self) -> bool {
        self.kind.as_deref() == Some("Create")
    }

    /// Name of the activity for messages to the operator.
    pub(super) fn name(&self) -> String {
        self.ap_id.clone().unwrap_or_else(|| self.id.to_string())
    }
}

/// Facts that decide how an object is deleted.
#[derive(Debug, FromRow)]
pub(super) struct Facts {
    pub(super) row: i64,
    /// ActivityPub type, as far as it decides anything.
    pub(super) kind: String,
    pub(super) names_actor: bool,
    /// ActivityPub id of the object's author.
    pub(super) author: Option<String>,
    /// Whether the object counts among its author's posts.
    pub(super) public: bool,
    /// Whether its Delete stays on this server.
    pub(super) local_only: bool,
    /// Rows of the object that it replies to.
    pub(super) replied: Vec<i64>,
    /// Rows of the object that it quotes.
    pub(super) quoted: Vec<i64>,
    /// First of its addresses that is invalid, where that matters.
    pub(super) invalid: Option<String>,
}

/// Facts that decide how a like or boost is taken back.
#[derive(Debug, FromRow)]
pub(super) struct UndoneFacts {
    id: Uuid,
    /// Whether its Undo stays on this server.
    pub(super) local_only: bool,
    /// First of its addresses that is invalid, where that matters.
    pub(super) invalid: Option<String>,
}

/// The locked objects of a batch.
#[derive(Debug, Default)]
pub(super) struct Objects {
    rows: HashMap<String, Vec<i64>>,
    facts: HashMap<i64, Facts>,
}

impl Objects {
    /// Rows of an object.
    pub(super) fn rows(&self, ap_id: &str) -> &[i64] {
        self.rows.get(ap_id).map_or(&[], Vec::as_slice)
    }

    /// Facts about a post, from the first of its rows.
    pub(super) fn facts(&self, ap_id: &str) -> Option<&Facts> {
        self.facts.get(self.rows(ap_id).first()?)
    }

    fn add(&mut self, rows: Vec<(i64, String)>) {
        for (row, ap_id) in rows {
            self.rows.entry(ap_id).or_default().push(row);
        }
    }
}

/// Newest activity of the account.
pub(crate) async fn last_activity(
    db: &mut PgConnection,
    actor: &str,
) -> sqlx::Result<Option<Uuid>> {
    sqlx::query_scalar(
        // By the account's index: the index on ids alone would read everything that other accounts
        // did since.
        "select id from public.activities where actor = any (array[$1])
         order by actor, id desc nulls last limit 1",
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

/// Walks the account's next activities, of every type.
pub(super) async fn walk(
    db: &mut PgConnection,
    server: &Server,
    actor: &str,
    cursor: &Cursor,
    limit: i64,
) -> sqlx::Result<Vec<Activity>> {
    let sql = dialect_sql!(server, include_str!("walk.sql"));
    sqlx::query_as(sql)
        .bind(actor)
        .bind(cursor.after)
        .bind(cursor.until)
        .bind(limit)
        .bind(BATCH_BYTES)
        .fetch_all(db)
        .await
}

/// Locks the objects of the activities, in the order of their rows.
pub(super) async fn lock_objects(
    db: &mut PgConnection,
    walked: &[Activity],
) -> sqlx::Result<Objects> {
    let rows: Vec<i64> =
        walked.iter().flat_map(|activity| &activity.object_rows).copied().collect();
    let locked: HashSet<i64> = sqlx::query_scalar(
        "select id from public.objects where id = any ($1) order by id for update",
    )
    .bind(rows)
    .fetch_all(db)
    .await?
    .into_iter()
    .collect();
    let mut objects = Objects::default();
    for activity in walked {
        let Some(object_id) = &activity.object_id else { continue };
        objects.rows.entry(object_id.clone()).or_insert_with(|| {
            activity.object_rows.iter().filter(|row| locked.contains(row)).copied().collect()
        });
    }
    Ok(objects)
}

/// Reads from the posts' documents the facts that decide how they are deleted.
pub(super) async fn read_facts(
    db: &mut PgConnection,
    server: &Server,
    activities: &[Activity],
    objects: &mut Objects,
) -> sqlx::Result<()> {
    let rows: Vec<i64> = activities
        .iter()
        .filter(|activity| activity.is_post())
        .filter_map(|activity| objects.rows(activity.object_id.as_deref()?).first().copied())
        .collect();
    objects.facts.extend(facts(db, server, rows).await?);
    Ok(())
}

async fn facts(
    db: &mut PgConnection,
    server: &Server,
    rows: Vec<i64>,
) -> sqlx::Result<HashMap<i64, Facts>> {
    if rows.is_empty() {
        return Ok(HashMap::new());
    }
    let facts: Vec<Facts> = sqlx::query_as(include_str!("facts.sql"))
        .bind(rows)
        .bind([as_public().to_owned(), server.local_public()])
        .bind(server.dialect.lowers_quotes)
        .bind(server.dialect.validates_addresses)
        .fetch_all(db)
        .await?;
    Ok(facts.into_iter().map(|facts| (facts.row, facts)).collect())
}

/// Creates tombstones for posts whose object is missing, as the server does before it deletes them.
pub(super) async fn insert_missing(
    db: &mut PgConnection,
    server: &Server,
    actor: &str,
    activities: &[Activity],
    objects: &mut Objects,
) -> sqlx::Result<()> {
    let missing: Vec<&str> = activities
        .iter()
        .filter(|activity| activity.is_post())
        .filter_map(|activity| activity.object_id.as_deref())
        .filter(|object_id| objects.rows(object_id).is_empty())
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let made: Vec<(i64, String)> = sqlx::query_as(
        "insert into public.objects (data, inserted_at, updated_at)
         select jsonb_build_object('id', missing.id, 'type', 'Tombstone', 'actor', $2::text),
                moment, moment
         from unnest($1::text[]) as missing (id),
              date_trunc('second', timezone('UTC', now())) as moment
         returning id, data ->> 'id'",
    )
    .bind(missing)
    .bind(actor)
    .fetch_all(&mut *db)
    .await?;
    let rows = made.iter().map(|(row, _)| *row).collect();
    objects.add(made);
    objects.facts.extend(facts(db, server, rows).await?);
    Ok(())
}

/// Drops activities that the job does not deal with, and those that the server removed while the
/// batch waited for the locks.
pub(super) async fn still_there(
    db: &mut PgConnection,
    walked: Vec<Activity>,
) -> sqlx::Result<Vec<Activity>> {
    let concerned: Vec<Activity> =
        walked.into_iter().filter(|activity| activity.kind.is_some()).collect();
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

/// Checks the addresses of likes and boosts.
pub(super) async fn read_undone(
    db: &mut PgConnection,
    server: &Server,
    activities: &[Activity],
) -> sqlx::Result<HashMap<Uuid, UndoneFacts>> {
    let undone: Vec<Uuid> =
        activities.iter().filter(|activity| !activity.is_post()).map(|undone| undone.id).collect();
    if undone.is_empty() {
        return Ok(HashMap::new());
    }
    let facts: Vec<UndoneFacts> = sqlx::query_as(include_str!("undone_facts.sql"))
        .bind(undone)
        .bind([as_public().to_owned(), server.local_public()])
        .bind(server.dialect.validates_addresses)
        .fetch_all(db)
        .await?;
    Ok(facts.into_iter().map(|facts| (facts.id, facts)).collect())
}
