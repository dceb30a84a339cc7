//! What can be read of accounts (docs/semantics.md 4.1).

use chrono::{DateTime, Utc};
use futures::stream::BoxStream;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::{Flavour, Server};

/// Which accounts of this server to list; all conditions must hold.
#[derive(Debug, Clone, Copy, Default)]
pub struct AccountFilter {
    /// Only those that may administrate.
    pub admins: bool,
    /// Only those that may moderate.
    pub moderators: bool,
    /// Only those that are switched off.
    pub inactive: bool,
    /// No more than so many.
    pub limit: Option<i64>,
}

/// A line of a list of accounts.
#[derive(Debug, Clone, FromRow)]
pub struct ListedAccount {
    /// The row's id.
    pub id: Uuid,
    /// As stored.
    pub nickname: String,
    /// Whether it may administrate.
    pub admin: bool,
    /// Whether it may moderate.
    pub moderator: bool,
    /// Whether it asks before it is followed.
    pub locked: bool,
    /// Whether it may log in and act.
    pub active: bool,
    /// Whether its e-mail address is confirmed.
    pub confirmed: bool,
    /// Whether staff have let it in.
    pub approved: bool,
}

/// What `ostrakon user show` tells: neither hashes nor keys nor tokens.
#[derive(Debug, Clone, FromRow)]
pub struct AccountDetails {
    /// The row's id.
    pub id: Uuid,
    /// As stored.
    pub nickname: Option<String>,
    /// ActivityPub id.
    pub ap_id: String,
    /// Whether it lives on this server.
    pub local: bool,
    /// The name that people see.
    pub name: Option<String>,
    /// Only that of an account of this server.
    pub email: Option<String>,
    /// Whether it may administrate.
    pub admin: bool,
    /// Whether it may moderate.
    pub moderator: bool,
    /// Whether it may log in and act.
    pub active: bool,
    /// Whether its e-mail address is confirmed.
    pub confirmed: bool,
    /// Whether staff have let it in.
    pub approved: bool,
    /// Whether it asks before it is followed.
    pub locked: bool,
    /// What moderators have marked it with.
    pub tags: Vec<String>,
    /// The server's counter of those who follow it.
    pub followers: i32,
    /// The server's counter of those whom it follows.
    pub following: i32,
    /// The server's counter of its posts: public ones, and remote ones as their server counts them.
    pub note_count: i32,
    /// Its posts that are here, counted.
    pub posts: i64,
    /// When its row was made.
    pub created_at: DateTime<Utc>,
    /// When it was last seen; old releases do not remember it.
    pub last_active_at: Option<DateTime<Utc>>,
    /// When it last posted.
    pub last_status_at: Option<DateTime<Utc>>,
}

/// Reads accounts of this server by ascending id, as they come from the database: a million of them
/// take no more memory than one. The server's own accounts (`internal.…`) are left out.
pub fn list_accounts<'a>(
    db: &'a mut PgConnection,
    server: &Server,
    filter: AccountFilter,
) -> BoxStream<'a, sqlx::Result<ListedAccount>> {
    let sql = match server.shape.flavour {
        Flavour::Pleroma22 => include_str!("accounts/pleroma22_list.sql"),
        Flavour::Pleroma | Flavour::Akkoma => include_str!("accounts/list.sql"),
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
    let sql = match server.shape.flavour {
        Flavour::Pleroma22 => include_str!("accounts/pleroma22_details.sql"),
        Flavour::Pleroma | Flavour::Akkoma => include_str!("accounts/details.sql"),
    };
    sqlx::query_as(sql).bind(account).fetch_optional(db).await
}
