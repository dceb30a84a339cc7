//! Rows that the original leaves behind when it removes an account (docs/semantics.md 2.5).

use sqlx::PgConnection;
use uuid::Uuid;

use ostrakon_engine::Count;

/// Rows of one kind. In both statements `$1` is the account; in the removal `$2` is the maximum
/// number.
struct Leftover {
    /// Name of the kind in the plural, for messages; also its name in a cursor, so it never
    /// changes.
    kind: &'static str,
    /// Table that must exist.
    table: &'static str,
    count: &'static str,
    remove: &'static str,
}

/// Builds a kind. `$mine`: condition for the rows of table `$table` that belong to the account.
macro_rules! leftover {
    ($kind:literal, $table:literal, $mine:literal) => {
        Leftover {
            kind: $kind,
            table: concat!("public.", $table),
            count: concat!("select count(*) from public.", $table, " where ", $mine),
            remove: concat!(
                "delete from public.",
                $table,
                " where ctid = any (array(select ctid from public.",
                $table,
                " where ",
                $mine,
                " limit $2))"
            ),
        }
    };
    ($kind:literal, $table:literal) => {
        leftover!($kind, $table, "user_id = $1")
    };
}

/// All kinds, in the order of their removal: a row before those that it refers to.
const LEFTOVERS: &[Leftover] = &[
    leftover!("push subscriptions", "push_subscriptions"),
    leftover!("MFA tokens", "mfa_tokens"),
    leftover!("tokens", "oauth_tokens"),
    leftover!("authorizations", "oauth_authorizations"),
    leftover!("password reset tokens", "password_reset_tokens"),
    leftover!("registrations", "registrations"),
    leftover!("blocks and mutes", "user_relationships", "source_id = $1"),
    leftover!("notes on accounts", "user_notes", "source_id = $1"),
    leftover!("muted threads", "thread_mutes"),
    leftover!(
        "requests of followers",
        "following_relationships",
        "following_id = $1 and state = 1"
    ),
    leftover!("filters", "filters"),
    leftover!("lists", "lists"),
    leftover!("markers", "markers"),
    leftover!("scheduled posts", "scheduled_activities"),
    leftover!("bookmarks", "bookmarks"),
    leftover!("bookmark folders", "bookmark_folders"),
    leftover!("chats", "chats"),
    leftover!("conversation recipients", "conversation_participation_recipient_ships"),
    leftover!("conversations", "conversation_participations"),
    leftover!(
        "notifications received",
        "notifications",
        // Those of its own activities are removed in a separate step.
        "user_id = $1
         and (select actor from public.activities where id = activity_id)
             is distinct from (select ap_id from public.users where id = $1)"
    ),
    leftover!("announcements read", "announcement_read_relationships"),
    leftover!("backups", "backups"),
    leftover!("followed hashtags", "user_follows_hashtag"),
    leftover!("frontend settings", "user_frontend_setting_profiles"),
];

/// Counts the rows of each kind that has any.
pub(super) async fn count(db: &mut PgConnection, account: Uuid) -> sqlx::Result<Vec<Count>> {
    let mut counts = Vec::new();
    for leftover in known(db).await? {
        let rows: i64 =
            sqlx::query_scalar(leftover.count).bind(account).fetch_one(&mut *db).await?;
        if rows > 0 {
            counts.push(Count::new(leftover.kind, rows));
        }
    }
    Ok(counts)
}

/// Returns the kind after another one, or the first kind.
pub(super) async fn kind_after(
    db: &mut PgConnection,
    kind: Option<&str>,
) -> sqlx::Result<Option<String>> {
    let known = known(db).await?;
    let next = match kind {
        None => known.first(),
        Some(kind) => known.iter().skip_while(|leftover| leftover.kind != kind).nth(1),
    };
    Ok(next.map(|leftover| leftover.kind.to_owned()))
}

/// Removes some rows of a kind. Returns their number; 0 if none is left.
pub(super) async fn remove(
    db: &mut PgConnection,
    account: Uuid,
    kind: &str,
    limit: i64,
) -> sqlx::Result<i64> {
    let Some(leftover) = LEFTOVERS.iter().find(|leftover| leftover.kind == kind) else {
        return Ok(0);
    };
    let removed =
        sqlx::query(leftover.remove).bind(account).bind(limit).execute(db).await?.rows_affected();
    Ok(i64::try_from(removed).unwrap_or(i64::MAX))
}

async fn known(db: &mut PgConnection) -> sqlx::Result<Vec<&'static Leftover>> {
    let tables: Vec<&str> = LEFTOVERS.iter().map(|leftover| leftover.table).collect();
    let there: Vec<String> = sqlx::query_scalar(
        "select name from unnest($1::text[]) as name where to_regclass(name) is not null",
    )
    .bind(tables)
    .fetch_all(db)
    .await?;
    let is_there = |leftover: &&Leftover| there.iter().any(|name| name == leftover.table);
    Ok(LEFTOVERS.iter().filter(is_there).collect())
}
