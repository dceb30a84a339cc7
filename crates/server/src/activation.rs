//! Activating and deactivating accounts (docs/semantics.md 3.2 and 3.3).

use sqlx::PgConnection;
use uuid::Uuid;

use super::{AccountColumns, Server, dialect_sql};

/// Changes made by activating or deactivating a set of accounts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Activation {
    /// Number of accounts whose state changed.
    pub accounts: i64,
    /// Number of removed follow relations from these accounts to active local ones.
    pub relations: i64,
    /// Local accounts whose counters changed, without duplicates; possibly among the switched ones.
    pub counted: Vec<Uuid>,
}

/// Activates or deactivates accounts, all in one go.
///
/// In either direction their follow relations to active local accounts are removed, and the
/// counters of those accounts and of local followers are recounted. Counters of remote accounts
/// stay as they are.
pub async fn set_activation(
    db: &mut PgConnection,
    server: &Server,
    accounts: &[Uuid],
    active: bool,
) -> sqlx::Result<Activation> {
    // All rows that change, in a fixed order: two simultaneous batches wait for each other instead
    // of deadlocking.
    let affected: Vec<(Uuid, bool)> =
        sqlx::query_as(dialect_sql!(server, include_str!("activation/lock.sql")))
            .bind(accounts)
            .bind(server.dialect.counts_inactive_followers)
            .fetch_all(&mut *db)
            .await?;
    let switch = match server.dialect.account_columns {
        AccountColumns::Active => include_str!("activation/switch.sql"),
        AccountColumns::Deactivated => include_str!("activation/pleroma22_switch.sql"),
    };
    let switched =
        sqlx::query(switch).bind(accounts).bind(active).execute(&mut *db).await?.rows_affected();
    let removed: Vec<(Uuid, Uuid)> =
        sqlx::query_as(dialect_sql!(server, include_str!("activation/unfollow.sql")))
            .bind(accounts)
            .fetch_all(&mut *db)
            .await?;
    let (unfollowing, unfollowed): (Vec<_>, Vec<_>) = removed.iter().copied().unzip();
    let mut recounted: Vec<Uuid> =
        affected.into_iter().filter(|&(_, follower)| follower).map(|(id, _)| id).collect();
    recounted.extend(unfollowing);
    let mut counted = count_following(db, server, &recounted).await?;
    counted.extend(count_followers(db, server, &unfollowed).await?);
    counted.sort_unstable();
    counted.dedup();
    Ok(Activation {
        accounts: i64::try_from(switched).unwrap_or(i64::MAX),
        relations: i64::try_from(removed.len()).unwrap_or(i64::MAX),
        counted,
    })
}

/// Counts the follow relations of accounts that [`set_activation`] would remove.
pub async fn count_relations(
    db: &mut PgConnection,
    server: &Server,
    accounts: &[Uuid],
) -> sqlx::Result<i64> {
    sqlx::query_scalar(dialect_sql!(server, include_str!("activation/count_relations.sql")))
        .bind(accounts)
        .fetch_one(db)
        .await
}

/// Recounts whom local accounts follow, and ignores accounts of other servers. Returns those whose
/// counter changed.
pub async fn count_following(
    db: &mut PgConnection,
    server: &Server,
    accounts: &[Uuid],
) -> sqlx::Result<Vec<Uuid>> {
    lock(db, accounts).await?;
    sqlx::query_scalar(dialect_sql!(server, include_str!("activation/count_following.sql")))
        .bind(accounts)
        .fetch_all(db)
        .await
}

/// Recounts who follows local accounts, and ignores accounts of other servers. Returns those whose
/// counter changed.
pub async fn count_followers(
    db: &mut PgConnection,
    server: &Server,
    accounts: &[Uuid],
) -> sqlx::Result<Vec<Uuid>> {
    lock(db, accounts).await?;
    sqlx::query_scalar(dialect_sql!(server, include_str!("activation/count_followers.sql")))
        .bind(accounts)
        .fetch_all(db)
        .await
}

/// Locks accounts whose relations are counted next, in the order of ids.
///
/// This is a statement of its own because the statement that counts sees only what was committed
/// before it began. If that statement itself waited for the rows, it would write a count taken
/// before another session's relation.
async fn lock(db: &mut PgConnection, accounts: &[Uuid]) -> sqlx::Result<()> {
    sqlx::query(
        "select id from public.users where id = any ($1) and local order by id for no key update",
    )
    .bind(accounts)
    .execute(db)
    .await?;
    Ok(())
}
