//! Counters of local accounts (docs/semantics.md 1.2.7 and 3.3).

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::lock_out_other_repairs;
use crate::{Server, as_public, count_followers, count_following, dialect_sql};

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
    notes: i64,
    followers: i64,
    following: i64,
    notes_counted: i64,
    followers_counted: i64,
    following_counted: i64,
}

impl Row {
    fn wrong(self) -> Option<WrongCounters> {
        let Self { id, nickname, notes, followers, following, .. } = self;
        let stored = Counters { notes, followers, following };
        let counted = Counters {
            notes: self.notes_counted,
            followers: self.followers_counted,
            following: self.following_counted,
        };
        (stored != counted).then_some(WrongCounters { id, nickname, stored, counted })
    }
}

/// Examines the counters of at most `limit` active local accounts after an account, up to another;
/// of some of them if `only` is given.
///
/// # Errors
/// Those of the database.
pub async fn examine_counters(
    db: &mut PgConnection,
    server: &Server,
    (after, until): (Uuid, Uuid),
    only: Option<&[Uuid]>,
    limit: i64,
) -> sqlx::Result<Examined> {
    let rows: Vec<Row> = sqlx::query_as(dialect_sql!(server, include_str!("examine.sql")))
        .bind(after)
        .bind(until)
        .bind(limit)
        .bind(only)
        .bind([as_public().to_owned(), server.local_public()])
        .fetch_all(db)
        .await?;
    let (number, last) = (rows.len(), rows.last().map(|row| row.id));
    let wrong = rows.into_iter().filter_map(Row::wrong).collect();
    Ok(Examined { wrong, last, number: i64::try_from(number).unwrap_or(i64::MAX) })
}

/// Counts the posts and relations of local accounts again, and corrects what differs.
///
/// The counter of posts changes by the difference, as when the server writes a post, so no row is
/// locked while posts are counted. Two repairs must not both add it: the second waits.
///
/// # Errors
/// Those of the database.
pub async fn repair_counters(
    db: &mut PgConnection,
    server: &Server,
    accounts: &[Uuid],
) -> sqlx::Result<()> {
    lock_out_other_repairs(db).await?;
    let all = (Uuid::nil(), Uuid::max());
    let examined = examine_counters(db, server, all, Some(accounts), i64::MAX).await?;
    add_differences(db, server, accounts, &examined.wrong).await
}

/// Corrects an account whose posts cannot be counted again within the time of a batch, by what an
/// earlier count found. Another repair since then may have corrected it already.
///
/// # Errors
/// Those of the database.
pub async fn repair_as_counted(
    db: &mut PgConnection,
    server: &Server,
    wrong: &WrongCounters,
) -> sqlx::Result<()> {
    lock_out_other_repairs(db).await?;
    add_differences(db, server, &[wrong.id], std::slice::from_ref(wrong)).await
}

/// Counts the relations of accounts, and adds to their posts what differs.
async fn add_differences(
    db: &mut PgConnection,
    server: &Server,
    accounts: &[Uuid],
    wrong: &[WrongCounters],
) -> sqlx::Result<()> {
    let notes = wrong.iter().filter(|account| account.stored.notes != account.counted.notes);
    let (ids, differences): (Vec<Uuid>, Vec<i64>) =
        notes.map(|account| (account.id, account.counted.notes - account.stored.notes)).unzip();
    // These lock the rows, in the order of ids.
    count_followers(db, server, accounts).await?;
    count_following(db, server, accounts).await?;
    sqlx::query(
        "update public.users u set note_count = greatest(0, u.note_count + wrong.difference)
         from unnest($1::uuid[], $2::bigint[]) as wrong (id, difference)
         where u.id = wrong.id",
    )
    .bind(ids)
    .bind(differences)
    .execute(db)
    .await?;
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
