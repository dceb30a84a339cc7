//! Ending the account's follow relations, in both directions (docs/semantics.md 2.3).

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::{
    follow_undo::{self, FollowUndo},
    relation_list::RelationList,
};
use ostrakon_server::{
    Actor, Changed, Server, count_followers, count_following, dialect_sql, refresh_accounts,
};

/// Side of the account's relations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// Relations of accounts that follow it.
    Followers,
    /// Relations to accounts that it follows.
    Followed,
}

/// Relation that ends.
#[derive(Debug, FromRow)]
pub(super) struct Relation {
    pub(super) id: i64,
    /// Account at the other end.
    other: Uuid,
    pub(super) follower_ap_id: String,
    pub(super) follower_local: bool,
    pub(super) follower_active: bool,
    pub(super) followed_ap_id: String,
    follower_hash: i64,
    /// Activity that began the relation: the newest one of each pair.
    #[sqlx(skip)]
    pub(super) follow: Option<Uuid>,
}

/// Builds the statement that reads relations. `$1`: relations, in order; `$2`: whether those with an
/// inactive account at the other end count.
///
/// `offset 0`: by their ids only, one after the other. Each is locked before it counts: a relation
/// that another session ends meanwhile must not look like the last one.
macro_rules! relations {
    ($other:literal) => {
        concat!(
            "select r.id, r.",
            $other,
            " as other, follower.ap_id as follower_ap_id, follower.local as follower_local,
                    follower.active as follower_active, followed.ap_id as followed_ap_id,
                    hashtextextended(follower.ap_id, 0) as follower_hash
             from (select id from unnest($1::bigint[]) as given (id) order by id offset 0) next,
                  lateral (select * from public.following_relationships
                           where id = next.id and state = 2 for update) r,
                  lateral (select ap_id, local, is_active as active
                           from public.users where id = r.follower_id offset 0) follower,
                  lateral (select ap_id from public.users where id = r.following_id offset 0) followed
             where exists (select from (select is_active as active
                                        from public.users where id = r.",
            $other,
            " offset 0) u where $2 or u.active)
             order by r.id"
        )
    };
}

/// Finds the Follows of accounts `$1` to accounts `$2`.
///
/// By the followed accounts, and in one pass (`offset 0`): a follower may have very many other
/// activities, and the account may have very many followers.
const FOLLOWS: &str =
    "select distinct on (a.actor, public.associated_object_id(a.data)) a.id, a.actor,
            public.associated_object_id(a.data) as object
     from (select a.id, a.data, a.actor from public.activities a
           where public.associated_object_id(a.data) = any ($2) offset 0) a
     where a.actor = any ($1) and a.data ->> 'type' = 'Follow'
     order by a.actor, public.associated_object_id(a.data), a.id desc";

/// Reads and locks the next relations of a side.
///
/// Excludes relations to inactive accounts that it follows, and those of inactive followers where
/// they do not count.
pub(super) async fn read(
    db: &mut PgConnection,
    server: &Server,
    account: &Actor,
    list: &mut RelationList,
    (side, after, until): (Side, i64, i64),
    limit: i64,
) -> sqlx::Result<Vec<Relation>> {
    let (sql, inactive_count) = match side {
        Side::Followers => (
            dialect_sql!(server, relations!("follower_id")),
            server.dialect.counts_inactive_followers,
        ),
        Side::Followed => (dialect_sql!(server, relations!("following_id")), false),
    };
    let mut after = after;
    loop {
        let next = list.next(db, server, account, side, (after, until), limit).await?;
        let Some(behind) = next.last().copied() else { return Ok(Vec::new()) };
        let mut relations: Vec<Relation> =
            sqlx::query_as(sql).bind(&next).bind(inactive_count).fetch_all(&mut *db).await?;
        if !relations.is_empty() {
            if side == Side::Followers {
                take_listed_follows(db, server, list, &mut relations).await?;
            } else {
                find_follows(db, server, relations.iter_mut().collect()).await?;
            }
            return Ok(relations);
        }
        after = behind;
    }
}

/// Finds the Follows of followers by the list. Where an entry belongs to another account, or is
/// gone, searches for the Follow.
async fn take_listed_follows(
    db: &mut PgConnection,
    server: &Server,
    list: &RelationList,
    relations: &mut [Relation],
) -> sqlx::Result<()> {
    let listed = list.follows(relations.iter().map(|relation| relation.follower_hash));
    let found: Vec<(String, Uuid)> = sqlx::query_as(
        "select actor, id from public.activities
         where id = any ($1) and data ->> 'type' = 'Follow' and actor is not null",
    )
    .bind(&listed)
    .fetch_all(&mut *db)
    .await?;
    let all_found = found.len() == listed.len();
    let mut follows: HashMap<String, Uuid> = found.into_iter().collect();
    for relation in &mut *relations {
        relation.follow = follows.remove(&relation.follower_ap_id);
    }
    if all_found && follows.is_empty() {
        return Ok(());
    }
    let missed = relations.iter_mut().filter(|relation| relation.follow.is_none()).collect();
    find_follows(db, server, missed).await
}

async fn find_follows(
    db: &mut PgConnection,
    server: &Server,
    relations: Vec<&mut Relation>,
) -> sqlx::Result<()> {
    if relations.is_empty() {
        return Ok(());
    }
    let sql = dialect_sql!(server, FOLLOWS);
    let followers: BTreeSet<&str> = relations.iter().map(|r| r.follower_ap_id.as_str()).collect();
    let followed: BTreeSet<&str> = relations.iter().map(|r| r.followed_ap_id.as_str()).collect();
    let found: Vec<(Uuid, String, String)> = sqlx::query_as(sql)
        .bind(followers.into_iter().collect::<Vec<_>>())
        .bind(followed.into_iter().collect::<Vec<_>>())
        .fetch_all(db)
        .await?;
    let mut follows: HashMap<(String, String), Uuid> =
        found.into_iter().map(|(id, actor, object)| ((actor, object), id)).collect();
    for relation in relations {
        let pair = (relation.follower_ap_id.clone(), relation.followed_ap_id.clone());
        relation.follow = follows.remove(&pair);
    }
    Ok(())
}

/// Newest relation of any account.
pub(super) async fn last(db: &mut PgConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar("select coalesce(max(id), 0) from public.following_relationships")
        .fetch_one(db)
        .await
}

/// Counts what [`read`] would find on both sides, up to a relation.
pub(super) async fn count(
    db: &mut PgConnection,
    server: &Server,
    account: Uuid,
    last: i64,
) -> sqlx::Result<i64> {
    let sql = if server.dialect.counts_inactive_followers {
        dialect_sql!(
            server,
            "select (select count(*) from public.following_relationships r
                     where r.following_id = $1 and r.state = 2 and r.id <= $2)
                  + (select count(*) from public.following_relationships r
                     join public.users u on u.id = r.following_id
                     where r.follower_id = $1 and r.state = 2 and r.id <= $2 and u.is_active)"
        )
    } else {
        dialect_sql!(
            server,
            "select (select count(*) from public.following_relationships r
                     join public.users u on u.id = r.follower_id
                     where r.following_id = $1 and r.state = 2 and r.id <= $2 and u.is_active)
                  + (select count(*) from public.following_relationships r
                     join public.users u on u.id = r.following_id
                     where r.follower_id = $1 and r.state = 2 and r.id <= $2 and u.is_active)"
        )
    };
    sqlx::query_scalar(sql).bind(account).bind(last).fetch_one(db).await
}

/// Ends relations: takes back their Follow activities, removes the rows, recounts the other
/// accounts. The account's own counters are 0 since its profile was emptied. Returns when the last
/// delivery is due, unless all are due immediately.
pub(super) async fn end(
    db: &mut PgConnection,
    server: &Server,
    account: &Actor,
    side: Side,
    relations: Vec<Relation>,
) -> sqlx::Result<Option<DateTime<Utc>>> {
    let ids: Vec<i64> = relations.iter().map(|relation| relation.id).collect();
    let others: Vec<Uuid> = relations.iter().map(|relation| relation.other).collect();
    let undos = FollowUndo::of_all(server, relations);
    let deliveries_until = follow_undo::write(db, server, account, undos).await?;
    sqlx::query("delete from public.following_relationships where id = any ($1)")
        .bind(&ids)
        .execute(&mut *db)
        .await?;
    let recounted = match side {
        Side::Followers => count_following(db, server, &others).await?,
        Side::Followed => count_followers(db, server, &others).await?,
    };
    refresh_accounts(db, server, &recounted, Changed::Fields).await?;
    Ok(deliveries_until)
}

/// Counts the account's own pending follow requests.
pub(super) async fn count_requests(db: &mut PgConnection, account: Uuid) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "select count(*) from public.following_relationships where follower_id = $1 and state = 1",
    )
    .bind(account)
    .fetch_one(db)
    .await
}

/// Removes some of these requests. Returns their number.
pub(super) async fn end_requests(
    db: &mut PgConnection,
    account: Uuid,
    limit: i64,
) -> sqlx::Result<i64> {
    let ended = sqlx::query(
        "delete from public.following_relationships where id in (
             select id from public.following_relationships where follower_id = $1 and state = 1
             limit $2)",
    )
    .bind(account)
    .bind(limit)
    .execute(db)
    .await?;
    Ok(i64::try_from(ended.rows_affected()).unwrap_or(i64::MAX))
}
