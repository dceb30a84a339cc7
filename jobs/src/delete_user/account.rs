//! State of the account, and what is left of it (docs/semantics.md 2.2).

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use ostrakon_server::{AccountColumns, EmptiedColumns, Server, dialect_sql};

/// Facts that decide how an account is removed.
#[derive(Debug, FromRow)]
pub(super) struct RemovalState {
    pub(super) is_admin: bool,
    unconfirmed: bool,
    unapproved: bool,
    /// Whether another active local admin would be left.
    pub(super) other_admin: bool,
}

/// Statements in the form of a server. `$1` is the account.
struct Statements {
    /// Empties the profile; changes nothing if it is already empty.
    purge: &'static str,
    is_purged: &'static str,
    /// Removes what is left when every delivery is done, if the row stays.
    purge_keys: Option<&'static str>,
}

/// Part after `set` of an update that empties columns, unless all are empty.
macro_rules! empty_columns {
    ($columns:expr, $values:expr) => {
        concat!(
            "(",
            $columns,
            ", updated_at) = row(",
            $values,
            ", date_trunc('second', timezone('UTC', now())))
             where id = $1 and row(",
            $columns,
            ") is distinct from row(",
            $values,
            ")"
        )
    };
}

/// Columns that are emptied and checked. `password_hash` is emptied without a check: ostrakon's
/// role need not read it.
macro_rules! columns {
    ($locked:literal) => {
        concat!($locked, ", bio, raw_bio, email, name, avatar, tags, last_refreshed_at,
         last_digest_emailed_at, banner, background, note_count, follower_count, following_count,
         password_reset_pending, registration_reason, confirmation_token, domain_blocks,
         is_moderator, is_admin, mascot, emoji, pleroma_settings_store, fields, raw_fields,
         also_known_as")
    };
}

macro_rules! values {
    () => {
        "false, '', null, null, null, '{}', '{}', null,
         null, '{}', '{}', 0, 0, 0,
         false, null, null, '{}',
         false, false, null, '{}', '{}', '[]', '[]',
         '{}'"
    };
}

/// Builds both statements of a purge from the columns in addition to the usual ones, and their
/// values.
macro_rules! statements {
    ($locked:literal, $columns:literal, $values:literal, $later:expr) => {
        Statements {
            purge: concat!(
                "update public.users set password_hash = null, ",
                empty_columns!(
                    concat!(columns!($locked), ", ", $columns),
                    concat!(values!(), ", ", $values)
                )
            ),
            is_purged: concat!(
                "select row(",
                columns!($locked),
                ", ",
                $columns,
                ") is not distinct from row(",
                values!(),
                ", ",
                $values,
                ") from public.users where id = $1"
            ),
            purge_keys: $later,
        }
    };
}

/// Removal of the keys, which Pleroma 2.2 purges as well, but not before the last delivery is
/// signed.
const PLEROMA22_KEYS: &str = concat!(
    "update public.users set ",
    empty_columns!(
        "keys, public_key, confirmation_pending, approval_pending",
        "null, null, false, false"
    )
);

const PLEROMA: Statements =
    statements!("is_locked", "is_discoverable, is_active", "false, false", None);

const AKKOMA: Statements = statements!(
    "is_locked",
    "is_discoverable, is_active, mastofe_settings",
    "false, false, null",
    None
);

const AP_ENABLED: Statements =
    statements!("is_locked", "is_discoverable, is_active, ap_enabled", "false, false, false", None);

const AP_ENABLED_AND_MASTOFE: Statements = statements!(
    "is_locked",
    "is_discoverable, is_active, ap_enabled, mastofe_settings",
    "false, false, false, null",
    None
);

const REBASED: Statements = statements!(
    "is_locked",
    "is_discoverable, is_active, accepts_email_list",
    "false, false, false",
    None
);

const PLEROMA22: Statements = statements!(
    "is_locked",
    "is_discoverable, deactivated, ap_enabled, mastofe_settings",
    "false, true, false, null",
    Some(PLEROMA22_KEYS)
);

/// Statements for Pleroma up to 2.2.1, where one column had its old name; up to 2.1 another one as
/// well.
const PLEROMA22_1: Statements = statements!(
    "is_locked",
    "discoverable, deactivated, ap_enabled, mastofe_settings",
    "false, true, false, null",
    Some(PLEROMA22_KEYS)
);

const PLEROMA21: Statements = statements!(
    "locked",
    "discoverable, deactivated, ap_enabled, mastofe_settings",
    "false, true, false, null",
    Some(PLEROMA22_KEYS)
);

impl Statements {
    const fn of(server: &Server) -> &'static Self {
        match server.dialect.emptied_columns {
            EmptiedColumns::None => &PLEROMA,
            EmptiedColumns::MastofeSettings => &AKKOMA,
            EmptiedColumns::ApEnabled => &AP_ENABLED,
            EmptiedColumns::ApEnabledAndMastofeSettings => &AP_ENABLED_AND_MASTOFE,
            EmptiedColumns::AcceptsEmailList => &REBASED,
            EmptiedColumns::ApEnabledAndKeys if server.schema.is_discoverable => &PLEROMA22,
            EmptiedColumns::ApEnabledAndKeys if server.schema.is_locked => &PLEROMA22_1,
            EmptiedColumns::ApEnabledAndKeys => &PLEROMA21,
        }
    }
}

impl RemovalState {
    pub(super) async fn read(
        db: &mut PgConnection,
        server: &Server,
        account: Uuid,
    ) -> sqlx::Result<Self> {
        sqlx::query_as(dialect_sql!(server, include_str!("removal_state.sql")))
            .bind(account)
            .fetch_one(db)
            .await
    }

    /// Whether the row itself is deleted, not only its contents.
    pub(super) const fn row_goes(&self, server: &Server) -> bool {
        let unconfirmed_counts =
            server.dialect.removes_unconfirmed || server.registration.account_activation_required;
        self.unapproved || (self.unconfirmed && unconfirmed_counts)
    }
}

/// Empties the profile, unless it is already empty. Returns whether anything changed.
pub(super) async fn purge(
    db: &mut PgConnection,
    server: &Server,
    account: Uuid,
) -> sqlx::Result<bool> {
    let sql = Statements::of(server).purge;
    Ok(sqlx::query(sql).bind(account).execute(db).await?.rows_affected() > 0)
}

/// Whether the profile is empty.
pub(super) async fn is_purged(
    db: &mut PgConnection,
    server: &Server,
    account: Uuid,
) -> sqlx::Result<bool> {
    sqlx::query_scalar(Statements::of(server).is_purged).bind(account).fetch_one(db).await
}

/// Whether the account's row is needed until its deliveries are done, whether or not it stays after
/// that.
pub(super) const fn keeps_keys_for_deliveries(server: &Server) -> bool {
    Statements::of(server).purge_keys.is_some()
}

/// Removes the keys that the deliveries needed.
pub(super) async fn purge_keys(
    db: &mut PgConnection,
    server: &Server,
    account: Uuid,
) -> sqlx::Result<()> {
    if let Some(sql) = Statements::of(server).purge_keys {
        sqlx::query(sql).bind(account).execute(db).await?;
    }
    Ok(())
}

/// Deactivates the account, and nothing else. Returns whether it was active.
pub(super) async fn switch_off(
    db: &mut PgConnection,
    server: &Server,
    account: Uuid,
) -> sqlx::Result<bool> {
    let sql = match server.dialect.account_columns {
        AccountColumns::Active => {
            "update public.users
             set is_active = false, updated_at = date_trunc('second', timezone('UTC', now()))
             where id = $1 and is_active"
        }
        AccountColumns::Deactivated => {
            "update public.users
             set deactivated = true, updated_at = date_trunc('second', timezone('UTC', now()))
             where id = $1 and not deactivated"
        }
    };
    Ok(sqlx::query(sql).bind(account).execute(db).await?.rows_affected() > 0)
}
