//! Readable data of accounts (docs/semantics.md 4.1).

use chrono::{DateTime, Utc};
use futures::stream::BoxStream;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::{AccountColumns, Server};

/// Filter for accounts of this server; all conditions must hold.
#[derive(Debug, Clone, Copy, Default)]
pub struct AccountFilter {
    /// Only accounts that may administrate.
    pub admins: bool,
    /// Only accounts that may moderate.
    pub moderators: bool,
    /// Only inactive accounts.
    pub inactive: bool,
    /// Maximum number of accounts.
    pub limit: Option<i64>,
}

/// Line of a list of accounts.
#[derive(Debug, Clone, FromRow)]
pub struct ListedAccount {
    /// Row id of the account.
    pub id: Uuid,
    /// Nickname as stored.
    pub nickname: String,
    /// Whether it may administrate.
    pub admin: bool,
    /// Whether it may moderate.
    pub moderator: bool,
    /// Whether it approves followers by hand.
    pub locked: bool,
    /// Whether it may log in and act.
    pub active: bool,
    /// Whether its e-mail address is confirmed.
    pub confirmed: bool,
    /// Whether staff have approved it.
    pub approved: bool,
}

/// Data that `ostrakon user show` prints: neither hashes nor keys nor tokens.
#[derive(Debug, Clone, FromRow)]
pub struct AccountDetails {
    /// Row id of the account.
    pub id: Uuid,
    /// Nickname as stored.
    pub nickname: Option<String>,
    /// ActivityPub id.
    pub ap_id: String,
    /// Whether it is an account of this server.
    pub local: bool,
    /// Display name.
    pub name: Option<String>,
    /// E-mail address, only of an account of this server.
    pub email: Option<String>,
    /// Whether it may administrate.
    pub admin: bool,
    /// Whether it may moderate.
    pub moderator: bool,
    /// Whether it may log in and act.
    pub active: bool,
    /// Whether its e-mail address is confirmed.
    pub confirmed: bool,
    /// Whether staff have approved it.
    pub approved: bool,
    /// Whether it approves followers by hand.
    pub locked: bool,
    /// Tags that moderators gave it.
    pub tags: Vec<String>,
    /// Followers, by the server's counter.
    pub followers: i32,
    /// Followed accounts, by the server's counter.
    pub following: i32,
    /// Posts, by the server's counter: public ones, and those of remote accounts as their server
    /// counts them.
    pub note_count: i32,
    /// Number of its posts in this database.
    pub posts: i64,
    /// Time at which its row was created.
    pub created_at: DateTime<Utc>,
    /// Time of its last activity; old releases do not store it.
    pub last_active_at: Option<DateTime<Utc>>,
    /// Time of its last post.
    pub last_status_at: Option<DateTime<Utc>>,
}

/// Reads accounts of this server by ascending id, as a stream: a million of them take no more
/// memory than one. Excludes the server's own accounts (`internal.…`).
pub fn list_accounts<'a>(
    db: &'a mut PgConnection,
    server: &Server,
    filter: AccountFilter,
) -> BoxStream<'a, sqlx::Result<ListedAccount>> {
    let sql = match server.dialect.account_columns {
        AccountColumns::Deactivated => include_str!("accounts/pleroma22_list.sql"),
        AccountColumns::Active => include_str!("accounts/list.sql"),
    };
    sqlx::query_as(sql)
        .bind(filter.admins)
        .bind(filter.moderators)
        .bind(filter.inactive)
        .bind(filter.limit)
        .fetch(db)
}

/// Reads an account of any server, and counts its posts.
pub async fn account_details(
    db: &mut PgConnection,
    server: &Server,
    account: Uuid,
) -> sqlx::Result<Option<AccountDetails>> {
    let sql = match server.dialect.account_columns {
        AccountColumns::Deactivated => include_str!("accounts/pleroma22_details.sql"),
        AccountColumns::Active => include_str!("accounts/details.sql"),
    };
    sqlx::query_as(sql).bind(account).fetch_optional(db).await
}
