//! Relations of an account that one claim has read, so that a batch need not read all of them: no
//! index has them in order, and none leads from an account and its follower to the Follow.
//!
//! Nothing relies on the list. Each entry is looked up again by its id, and locked, before it
//! counts.

use futures::TryStreamExt as _;
use sqlx::PgConnection;
use uuid::Uuid;

use super::relations::Side;
use ostrakon_engine::List;
use ostrakon_server::{Actor, Server, dialect_sql};

/// Maximum number of relations that are listed at a time; about 15 MB with their Follows.
const LIST_MAX: i64 = 300_000;

/// List of one claim.
#[derive(Debug, Default)]
pub struct RelationList(Option<Listed>);

/// Relations of one side.
#[derive(Debug)]
struct Listed {
    side: Side,
    relations: List<i64>,
    /// Newest Follow of each follower, by the hash of the follower's address, in the order of the
    /// hashes.
    follows: Vec<(i64, Uuid)>,
}

/// Builds the statement that lists relations of one side, whatever is at their other ends, with the
/// hash of the address there. `$1`: account, `$2`: after this relation, `$3`: up to this one, `$4`:
/// maximum number.
///
/// `is true`: by the account only. `offset 0`: accounts at the other end by their ids.
macro_rules! list {
    ($own:literal, $other:literal) => {
        concat!(
            "select r.id, u.hash
             from (select id, ",
            $other,
            " as other from public.following_relationships
                   where ",
            $own,
            " = $1 and (state = 2 and id > $2 and id <= $3) is true
                   order by id limit $4) r,
                  lateral (select hashtextextended(ap_id, 0) as hash from public.users
                           where id = r.other offset 0) u
             order by r.id"
        )
    };
}

/// Lists the newest Follow of each follower of `$1`, by the hash of the follower's address.
///
/// `offset 0`: by the followed account, and in one pass: a follower may have very many other
/// activities.
const FOLLOWS: &str = "select distinct on (a.hash) a.hash, a.id
     from (select a.id, hashtextextended(a.actor, 0) as hash, a.data ->> 'type' as type
           from public.activities a where public.associated_object_id(a.data) = $1 offset 0) a
     where a.type = 'Follow'
     order by a.hash, a.id desc";

impl RelationList {
    /// Relations of a side after one of them, up to another: at most `most`, in order.
    pub(super) async fn next(
        &mut self,
        db: &mut PgConnection,
        server: &Server,
        account: &Actor,
        side: Side,
        (after, until): (i64, i64),
        limit: i64,
    ) -> sqlx::Result<Vec<i64>> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        // At the beginning of a step other sessions may have written relations since the list was
        // read.
        if after > 0
            && let Some(next) = self.behind(side, after, limit)
        {
            return Ok(next);
        }
        self.0 = Some(read(db, server, account, side, (after, until)).await?);
        Ok(self.behind(side, after, limit).unwrap_or_default())
    }

    fn behind(&self, side: Side, after: i64, limit: usize) -> Option<Vec<i64>> {
        let list = self.0.as_ref().filter(|list| list.side == side)?;
        let behind = list.relations.behind(after)?;
        Some(behind.iter().take(limit).copied().collect())
    }

    /// Follows of followers whose addresses have these hashes. Rarely one of another account is
    /// among them, whose address has the same hash.
    pub(super) fn follows(&self, hashes: impl Iterator<Item = i64>) -> Vec<Uuid> {
        let Some(list) = &self.0 else { return Vec::new() };
        let follow = |hash: i64| {
            let found = list.follows.binary_search_by_key(&hash, |(hash, _)| *hash).ok()?;
            Some(list.follows[found].1)
        };
        hashes.filter_map(follow).collect()
    }
}

async fn read(
    db: &mut PgConnection,
    server: &Server,
    account: &Actor,
    side: Side,
    (after, until): (i64, i64),
) -> sqlx::Result<Listed> {
    let sql = match side {
        Side::Followers => list!("following_id", "follower_id"),
        Side::Followed => list!("follower_id", "following_id"),
    };
    let found: Vec<(i64, i64)> = sqlx::query_as(sql)
        .bind(account.id)
        .bind(after)
        .bind(until)
        .bind(LIST_MAX)
        .fetch_all(&mut *db)
        .await?;
    let (relations, mut hashes): (Vec<i64>, Vec<i64>) = found.into_iter().unzip();
    let relations = List::new(after, relations, LIST_MAX);
    let mut list = Listed { side, relations, follows: Vec::new() };
    if side == Side::Followed || hashes.is_empty() {
        return Ok(list);
    }
    hashes.sort_unstable();
    let sql = dialect_sql!(server, FOLLOWS);
    let mut found = sqlx::query_as::<_, (i64, Uuid)>(sql).bind(&account.ap_id).fetch(db);
    while let Some(follow) = found.try_next().await? {
        if hashes.binary_search(&follow.0).is_ok() {
            list.follows.push(follow);
        }
    }
    Ok(list)
}
