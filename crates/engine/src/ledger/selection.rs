//! Selections: frozen lists of accounts.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

/// Request for a selection.
#[derive(Debug)]
pub struct NewSelection<'a> {
    /// Its name.
    pub name: &'a str,
    /// Conditions that chose the accounts.
    pub selectors: &'a Value,
    /// Digest of the accounts' ids.
    pub digest: &'a str,
    /// Operator who requests it.
    pub requested_by: &'a str,
    /// Reason, if the operator gives one.
    pub reason: Option<&'a str>,
}

/// A frozen list of accounts.
#[derive(Debug, Clone, FromRow)]
pub struct Selection {
    /// Its name.
    pub name: String,
    /// Conditions that chose the accounts.
    pub selectors: Value,
    /// Digest of the accounts' ids.
    pub digest: String,
    /// Number of accounts.
    pub accounts: i64,
    /// Operator who requested it.
    pub requested_by: String,
    /// Role that was logged in to the database.
    pub database_user: Option<String>,
    /// Reason, if the operator gave one.
    pub reason: Option<String>,
    /// Time at which it was frozen, by the database's clock.
    pub created_at: DateTime<Utc>,
    /// Time at which accounts were last added or removed.
    pub edited_at: Option<DateTime<Utc>>,
}

/// Account of a selection, as it was when it was frozen.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct FrozenAccount {
    /// Row id of the account.
    pub account: Uuid,
    /// Nickname.
    pub nickname: String,
    /// Whether it might log in and act.
    pub active: bool,
    /// Time at which its row was created.
    pub created_at: DateTime<Utc>,
    /// Whether it was added by hand, so that the conditions do not apply to it.
    pub added: bool,
}

/// Writes a selection without accounts. Returns `false` if there is one of that name.
pub async fn new_selection(db: &mut PgConnection, new: &NewSelection<'_>) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "insert into ostrakon.selections (name, selectors, digest, accounts, requested_by, reason)
         values ($1, $2, $3, 0, $4, $5) on conflict (name) do nothing",
    )
    .bind(new.name)
    .bind(new.selectors)
    .bind(new.digest)
    .bind(new.requested_by)
    .bind(new.reason)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Adds accounts to a selection; those that it has stay as they are. Returns how many are new.
pub async fn add_to_selection(
    db: &mut PgConnection,
    name: &str,
    accounts: &[FrozenAccount],
) -> sqlx::Result<u64> {
    let ids: Vec<Uuid> = accounts.iter().map(|account| account.account).collect();
    let nicknames: Vec<&str> = accounts.iter().map(|account| account.nickname.as_str()).collect();
    let active: Vec<bool> = accounts.iter().map(|account| account.active).collect();
    let created: Vec<DateTime<Utc>> = accounts.iter().map(|account| account.created_at).collect();
    let added: Vec<bool> = accounts.iter().map(|account| account.added).collect();
    let done = sqlx::query(
        "insert into ostrakon.selection_accounts
           (selection, account, nickname, active, created_at, added)
         select $1, * from unnest($2::uuid[], $3::text[], $4::boolean[], $5::timestamptz[], $6::boolean[])
         on conflict (selection, account) do nothing",
    )
    .bind(name)
    .bind(ids)
    .bind(nicknames)
    .bind(active)
    .bind(created)
    .bind(added)
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// Removes accounts from a selection. Returns how many it had.
pub async fn remove_from_selection(
    db: &mut PgConnection,
    name: &str,
    accounts: &[Uuid],
) -> sqlx::Result<u64> {
    let done = sqlx::query(
        "delete from ostrakon.selection_accounts where selection = $1 and account = any ($2)",
    )
    .bind(name)
    .bind(accounts)
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// Notes the digest and the number of a selection's accounts.
pub async fn sum_up_selection(
    db: &mut PgConnection,
    name: &str,
    digest: &str,
    edited: bool,
) -> sqlx::Result<()> {
    sqlx::query(
        "update ostrakon.selections
         set digest = $2,
             accounts = (select count(*) from ostrakon.selection_accounts where selection = $1),
             edited_at = case when $3 then clock_timestamp() else edited_at end
         where name = $1",
    )
    .bind(name)
    .bind(digest)
    .bind(edited)
    .execute(db)
    .await?;
    Ok(())
}

/// Reads a selection.
pub async fn find_selection(db: &mut PgConnection, name: &str) -> sqlx::Result<Option<Selection>> {
    sqlx::query_as("select * from ostrakon.selections where name = $1")
        .bind(name)
        .fetch_optional(db)
        .await
}

/// Reads a selection, and keeps others from changing it until the transaction ends.
pub async fn lock_selection(db: &mut PgConnection, name: &str) -> sqlx::Result<Option<Selection>> {
    sqlx::query_as("select * from ostrakon.selections where name = $1 for update")
        .bind(name)
        .fetch_optional(db)
        .await
}

/// Reads all selections, newest first.
pub async fn selections(db: &mut PgConnection) -> sqlx::Result<Vec<Selection>> {
    sqlx::query_as("select * from ostrakon.selections order by created_at desc, name")
        .fetch_all(db)
        .await
}

/// Reads the accounts of a selection, in the order of their nicknames.
pub async fn frozen_accounts(
    db: &mut PgConnection,
    name: &str,
) -> sqlx::Result<Vec<FrozenAccount>> {
    sqlx::query_as(
        "select account, nickname, active, created_at, added
         from ostrakon.selection_accounts where selection = $1
         order by lower(nickname) collate \"C\", account",
    )
    .bind(name)
    .fetch_all(db)
    .await
}

/// Deletes a selection with its list. Returns whether there was one.
pub async fn drop_selection(db: &mut PgConnection, name: &str) -> sqlx::Result<bool> {
    let done = sqlx::query("delete from ostrakon.selections where name = $1")
        .bind(name)
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}
