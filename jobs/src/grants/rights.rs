//! Privileges that ostrakon's statements need on each table, including the server's trigger on
//! `activities`.
//!
//! Foreign keys need no privileges: PostgreSQL checks and follows them as the owner of the table. A
//! table that is only locked needs UPDATE on one column; the most harmless one is listed. The tests
//! replay the recordings with these privileges alone, and fail if one is missing.

use crate::pleroma::Flavour;

/// Privilege on one table.
pub(super) struct Right {
    /// Table with its schema.
    pub(super) table: &'static str,
    /// `select`, `insert`, `update` or `delete`.
    pub(super) privilege: &'static str,
    /// Column names, separated by blanks; empty for the whole table.
    pub(super) columns: &'static str,
}

macro_rules! rights {
    ($($table:literal: $($privilege:ident $columns:literal),+;)+) => {
        &[$($(Right {
            table: $table,
            privilege: stringify!($privilege),
            columns: $columns,
        }),+),+]
    };
}

/// Column that the statements need because they name it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Demand {
    /// Table with its schema.
    pub(crate) table: &'static str,
    /// Name of the column.
    pub(crate) column: &'static str,
    /// Whether the statements check first that the table exists.
    pub(crate) table_may_be_missing: bool,
}

/// Lists the columns of the server's tables that a flavour's statements need.
pub(crate) fn demands(flavour: Flavour) -> impl Iterator<Item = Demand> {
    let optional = match flavour {
        Flavour::Pleroma => OPTIONAL_PLEROMA,
        Flavour::Akkoma => OPTIONAL_AKKOMA,
        Flavour::Pleroma22 => OPTIONAL_PLEROMA22,
    };
    let is_needed = move |right: &Right, column: &str| {
        !optional.iter().any(|(table, columns)| {
            *table == right.table && columns.split_whitespace().any(|name| name == column)
        })
    };
    of(flavour).filter(|right| right.table.starts_with("public.")).chain(WHOLE).flat_map(
        move |right| {
            let needed = move |column: &&str| is_needed(right, column);
            right.columns.split_whitespace().filter(needed).map(|column| Demand {
                table: right.table,
                column,
                table_may_be_missing: OPTIONAL_TABLES.contains(&right.table)
                    || LEFTOVERS.iter().any(|leftover| leftover.table == right.table),
            })
        },
    )
}

/// Lists the labels of enums that a flavour's statements name, each with its type.
pub(crate) fn labels(flavour: Flavour) -> impl Iterator<Item = (&'static str, &'static str)> {
    const STATES: [&str; 4] = ["available", "scheduled", "executing", "retryable"];
    let reports = (flavour == Flavour::Akkoma).then_some(("notification_type", "pleroma:report"));
    STATES.into_iter().map(|state| ("oban_job_state", state)).chain(reports)
}

/// Lists the privileges for a flavour, including some for objects that only some of its releases
/// have.
pub(super) fn of(flavour: Flavour) -> impl Iterator<Item = &'static Right> {
    let own = match flavour {
        Flavour::Pleroma => PLEROMA,
        Flavour::Akkoma => AKKOMA,
        Flavour::Pleroma22 => PLEROMA22,
    };
    LEDGER.iter().chain(SERVER).chain(LEFTOVERS).chain(own)
}

/// The requester is written only once: those columns cannot be changed, and neither can any
/// history. Request time and database role are never written: those columns have defaults.
const LEDGER: &[Right] = rights! {
    "ostrakon._sqlx_migrations": select "";
    "ostrakon.runs": select "",
        insert "id job class payload subject dedupe_key plan total requested_by reason",
        update "status control plan total done parked cursor attempt crashes last_error fence \
                lease_owner lease_expires_at available_at notified_at started_at finished_at \
                parked_retry_of closing failures waits_for waits_since waited_ms looks speed throttle \
                throttle_reason throttled_at throttled_ms deliveries_until";
    "ostrakon.run_events": select "", insert "run_id event actor detail";
    "ostrakon.parked_items": select "", insert "", update "reason sqlstate at retry", delete "";
    "ostrakon.batch_writes": select "", insert "run_id what", update "looked", delete "";
    "ostrakon.lowered_counters": select "",
        insert "run_id object replies_before replies_lost quotes_before quotes_lost",
        update "replies_before replies_lost quotes_before quotes_lost", delete "";
    "ostrakon.delivery_clock": select "", update "second taken";
    "ostrakon.instance_accounts": select "", insert "", update "refresh_due", delete "";
    "ostrakon.workers": select "", insert "", update "seen_at", delete "";
    "ostrakon.actions": select "",
        insert "id command subject requested_by on_behalf_of reason detail";
};

/// A whole table may be read where none of its contents are secret from ostrakon anyway, and where
/// the planner would otherwise ignore the statistics of expression indexes.
const SERVER: &[Right] = rights! {
    "public.schema_migrations": select "version";
    "public.activities": select "", insert "", delete "";
    "public.objects": select "", insert "data inserted_at updated_at", update "data updated_at";
    "public.following_relationships": select "",
        insert "follower_id following_id state inserted_at updated_at",
        update "updated_at", delete "";
    "public.oban_jobs": select "id queue worker args state scheduled_at attempted_at",
        insert "queue worker args state priority max_attempts scheduled_at",
        update "inserted_at";
    "public.users":
        select "ctid id nickname name email bio raw_bio ap_id follower_address inbox shared_inbox \
                local invisible is_admin is_moderator is_locked tags inserted_at updated_at \
                note_count follower_count following_count confirmation_token \
                multi_factor_authentication_settings avatar banner background \
                last_refreshed_at last_digest_emailed_at password_reset_pending \
                registration_reason domain_blocks mascot emoji pleroma_settings_store fields \
                raw_fields also_known_as",
        insert "id nickname name email bio password_hash ap_id follower_address \
                confirmation_token local avatar inserted_at updated_at",
        update "name email bio raw_bio password_hash tags is_admin is_moderator is_locked \
                note_count follower_count following_count confirmation_token \
                multi_factor_authentication_settings avatar banner background \
                last_refreshed_at last_digest_emailed_at password_reset_pending \
                registration_reason domain_blocks mascot emoji pleroma_settings_store fields \
                raw_fields also_known_as updated_at",
        delete "";
    "public.notifications": select "ctid activity_id user_id", delete "";
    "public.deliveries": select "object_id user_id", delete "";
    "public.instances": select "host unreachable_since";
    "public.counter_cache": select "instance public unlisted private direct",
        update "public unlisted private direct";
    "public.moderation_log": insert "data inserted_at updated_at";
    "public.report_notes": select "user_id";
    "public.hashtags": select "id", delete "";
    "public.hashtags_objects": select "hashtag_id object_id", delete "";
    "public.chat_message_references": select "object_id", delete "";
    "public.password_reset_tokens": select "ctid user_id",
        insert "user_id token used inserted_at updated_at", delete "";
    "public.user_invite_tokens":
        select "id token used expires_at invite_type max_use uses",
        insert "token used expires_at invite_type max_use uses inserted_at updated_at",
        update "used updated_at";
    "public.user_relationships": select "ctid source_id target_id relationship_type", delete "";
};

/// Rows that the removal of an account leaves behind: they are only found and deleted.
const LEFTOVERS: &[Right] = rights! {
    "public.push_subscriptions": select "ctid user_id", delete "";
    "public.mfa_tokens": select "ctid user_id", delete "";
    "public.oauth_tokens": select "ctid user_id", delete "";
    "public.oauth_authorizations": select "ctid user_id", delete "";
    "public.registrations": select "ctid user_id", delete "";
    "public.user_notes": select "ctid source_id", delete "";
    "public.thread_mutes": select "ctid user_id", delete "";
    "public.filters": select "ctid user_id", delete "";
    "public.lists": select "ctid user_id", delete "";
    "public.markers": select "ctid user_id", delete "";
    "public.scheduled_activities": select "ctid user_id", delete "";
    "public.bookmarks": select "ctid user_id activity_id", delete "";
    "public.bookmark_folders": select "ctid user_id", delete "";
    "public.chats": select "ctid user_id", delete "";
    "public.conversation_participation_recipient_ships": select "ctid user_id", delete "";
    "public.conversation_participations": select "ctid user_id", delete "";
    "public.announcement_read_relationships": select "ctid user_id", delete "";
    "public.backups": select "ctid user_id", delete "";
    "public.user_follows_hashtag": select "ctid user_id hashtag_id", delete "";
    "public.user_frontend_setting_profiles": select "ctid user_id", delete "";
};

const PLEROMA: &[Right] = rights! {
    "public.users":
        select "is_active is_confirmed is_approved is_discoverable pinned_objects \
                pinned_activities last_active_at last_status_at",
        insert "following_address is_confirmed is_approved",
        update "is_active is_confirmed is_discoverable pinned_objects pinned_activities \
                featured_address accepts_chat_messages keys";
    "public.activities": update "data updated_at";
};

const AKKOMA: &[Right] = rights! {
    "public.users":
        select "is_active is_confirmed is_approved is_discoverable mastofe_settings \
                pinned_objects pinned_activities last_active_at last_status_at",
        insert "following_address is_confirmed is_approved",
        update "is_active is_confirmed is_discoverable mastofe_settings pinned_objects \
                pinned_activities featured_address keys";
    "public.notifications": select "type";
    "public.signing_keys": insert "user_id key_id private_key public_key inserted_at updated_at";
};

/// Only this flavour lets ostrakon read the keys of an account, to check whether they are gone.
const PLEROMA22: &[Right] = rights! {
    "public.users":
        select "deactivated confirmation_pending approval_pending discoverable is_discoverable \
                ap_enabled mastofe_settings pinned_activities locked keys public_key",
        insert "confirmation_pending approval_pending",
        update "deactivated confirmation_pending approval_pending discoverable is_discoverable \
                ap_enabled mastofe_settings pinned_activities accepts_chat_messages locked keys \
                public_key featured_address";
    "public.activities": update "data updated_at";
};

/// Columns of tables that may be read and written as a whole.
const WHOLE: &[Right] = rights! {
    "public.activities": select "id data actor recipients local inserted_at updated_at";
    "public.objects": select "id data inserted_at updated_at";
    "public.following_relationships":
        select "id follower_id following_id state inserted_at updated_at";
};

/// Tables, in addition to the leftovers, whose existence the statements check first. (No statement
/// names `counter_cache`, only the server's own trigger does.)
const OPTIONAL_TABLES: &[&str] = &[
    "public.schema_migrations",
    "public.counter_cache",
    "public.hashtags",
    "public.hashtags_objects",
    "public.chat_message_references",
];

/// Columns that a flavour's statements name only where they exist, by table.
type Optional = &'static [(&'static str, &'static str)];

const OPTIONAL_PLEROMA: Optional = &[("public.users", "pinned_activities")];

const OPTIONAL_AKKOMA: Optional = &[("public.users", "pinned_activities keys")];

const OPTIONAL_PLEROMA22: Optional = &[(
    "public.users",
    "is_locked locked is_discoverable discoverable featured_address accepts_chat_messages",
)];
