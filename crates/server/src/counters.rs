//! Counters of local accounts: finding and repairing wrong ones (docs/semantics.md 1.2.7 and 3.3).

use std::collections::HashMap;

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use crate::{Server, account_sql, as_public, count_followers, count_following, object_sql};

/// Counters of an account: of its posts, of its followers, and of those whom it follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counters {
    /// Public posts.
    pub notes: i64,
    /// Active accounts that follow it.
    pub followers: i64,
    /// Active accounts that it follows.
    pub following: i64,
}

/// An account whose row has wrong counters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongCounters {
    /// Row id of the account.
    pub id: Uuid,
    /// Its nickname.
    pub nickname: String,
    /// What its row says.
    pub stored: Counters,
    /// What was counted.
    pub counted: Counters,
}

/// Some accounts that were examined.
#[derive(Debug)]
pub struct Examined {
    /// Accounts with wrong counters, in the order of their ids.
    pub wrong: Vec<WrongCounters>,
    /// Last account that was examined; `None` if there was none.
    pub last: Option<Uuid>,
    /// Number of accounts that were examined.
    pub number: i64,
}

#[derive(FromRow)]
struct Row {
    id: Uuid,
    nickname: String,
    ap_id: String,
    notes: i64,
    followers: i64,
    following: i64,
}

/// Examines the counters of at most `limit` active local accounts after an account, up to another;
/// of a single one if `only` is given.
///
/// # Errors
/// Those of the database.
pub async fn examine_counters(
    db: &mut PgConnection,
    server: &Server,
    (after, until): (Uuid, Uuid),
    only: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<Examined> {
    let rows: Vec<Row> =
        sqlx::query_as(account_sql!(server, include_str!("counters/accounts.sql")))
            .bind(after)
            .bind(until)
            .bind(limit)
            .bind(only)
            .fetch_all(&mut *db)
            .await?;
    let accounts: Vec<(Uuid, &str)> = rows.iter().map(|row| (row.id, row.ap_id.as_str())).collect();
    let counted = count(db, server, &accounts).await?;
    let (number, last) = (rows.len(), rows.last().map(|row| row.id));
    let compared = rows.into_iter().filter_map(|row| {
        let Row { id, nickname, notes, followers, following, .. } = row;
        let stored = Counters { notes, followers, following };
        let counted = *counted.get(&id)?;
        (stored != counted).then_some(WrongCounters { id, nickname, stored, counted })
    });
    let wrong = compared.collect();
    Ok(Examined { wrong, last, number: i64::try_from(number).unwrap_or(i64::MAX) })
}

async fn count(
    db: &mut PgConnection,
    server: &Server,
    accounts: &[(Uuid, &str)],
) -> sqlx::Result<HashMap<Uuid, Counters>> {
    if accounts.is_empty() {
        return Ok(HashMap::new());
    }
    let (ids, ap_ids): (Vec<Uuid>, Vec<&str>) = accounts.iter().copied().unzip();
    let notes: Vec<(Uuid, i64)> =
        sqlx::query_as(object_sql!(server, include_str!("counters/count_notes.sql")))
            .bind(&ids)
            .bind(ap_ids)
            .bind([as_public().to_owned(), server.local_public()])
            .fetch_all(&mut *db)
            .await?;
    let notes: HashMap<Uuid, i64> = notes.into_iter().collect();
    let relations: Vec<(Uuid, i64, i64)> =
        sqlx::query_as(account_sql!(server, include_str!("counters/count_relations.sql")))
            .bind(ids)
            .fetch_all(db)
            .await?;
    let counted = relations.into_iter().map(|(id, followers, following)| {
        let notes = notes.get(&id).copied().unwrap_or_default();
        (id, Counters { notes, followers, following })
    });
    Ok(counted.collect())
}

/// Counts the posts and relations of local accounts again, and writes what differs.
///
/// The rows are locked first: the server changes a counter in the transaction that writes the post
/// or the relation, so what it commits meanwhile is counted by one of the two.
///
/// # Errors
/// Those of the database.
pub async fn repair_counters(
    db: &mut PgConnection,
    server: &Server,
    accounts: &[Uuid],
) -> sqlx::Result<()> {
    let locked: Vec<(Uuid, String)> = sqlx::query_as(
        "select id, ap_id from public.users where id = any ($1) order by id for no key update",
    )
    .bind(accounts)
    .fetch_all(&mut *db)
    .await?;
    let accounts: Vec<(Uuid, &str)> =
        locked.iter().map(|(id, ap_id)| (*id, ap_id.as_str())).collect();
    let counted = count(db, server, &accounts).await?;
    let (ids, notes): (Vec<Uuid>, Vec<i64>) =
        counted.iter().map(|(id, counters)| (*id, counters.notes)).unzip();
    sqlx::query(
        "update public.users u set note_count = counted.notes
         from unnest($1::uuid[], $2::bigint[]) as counted (id, notes)
         where u.id = counted.id and u.note_count <> counted.notes",
    )
    .bind(&ids)
    .bind(notes)
    .execute(&mut *db)
    .await?;
    count_followers(db, server, &ids).await?;
    count_following(db, server, &ids).await?;
    Ok(())
}

/// Newest account of all, of this server and others.
///
/// # Errors
/// Those of the database.
pub async fn newest_account(db: &mut PgConnection) -> sqlx::Result<Option<Uuid>> {
    sqlx::query_scalar("select id from public.users order by id desc limit 1")
        .fetch_optional(db)
        .await
}
