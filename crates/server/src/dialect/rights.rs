//! Privileges that ostrakon's statements need on each table of the server, including the server's
//! trigger on `activities`.
//!
//! Foreign keys need no privileges: PostgreSQL checks and follows them as the owner of the table. A
//! table that is only locked needs UPDATE on one column; the most harmless one is listed. The tests
//! replay the recordings with these privileges alone, and fail if one is missing.

use super::Dialect;

/// Privilege on one table.
#[derive(Debug)]
pub struct Right {
    /// Table with its schema.
    pub table: &'static str,
    /// `select`, `insert`, `update` or `delete`.
    pub privilege: &'static str,
    /// Column names, separated by blanks; empty for the whole table.
    pub columns: &'static str,
}

/// Lists privileges by table.
#[macro_export]
macro_rules! rights {
    ($($table:literal: $($privilege:ident $columns:literal),+;)+) => {
        &[$($($crate::Right {
            table: $table,
            privilege: stringify!($privilege),
            columns: $columns,
        }),+),+]
    };
}
pub(crate) use rights;

/// Column that the statements need because they name it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Demand {
    /// Table with its schema.
    pub(super) table: &'static str,
    /// Name of the column.
    pub(super) column: &'static str,
    /// Whether the statements check first that the table exists.
    pub(super) table_may_be_missing: bool,
}

/// Lists the columns of the server's tables that a dialect's statements need.
pub(super) fn demands(dialect: &Dialect) -> impl Iterator<Item = Demand> {
    let is_needed = move |right: &Right, column: &str| {
        !dialect.optional_columns.iter().any(|(table, columns)| {
            *table == right.table && columns.split_whitespace().any(|name| name == column)
        })
    };
    dialect.rights().chain(WHOLE).flat_map(move |right| {
        let needed = move |column: &&str| is_needed(right, column);
        right.columns.split_whitespace().filter(needed).map(|column| Demand {
            table: right.table,
            column,
            table_may_be_missing: OPTIONAL_TABLES.contains(&right.table)
                || LEFTOVERS.iter().any(|leftover| leftover.table == right.table),
        })
    })
}

/// Lists the labels of enums that a dialect's statements name, each with its type.
pub(super) fn labels(dialect: &Dialect) -> impl Iterator<Item = (&'static str, &'static str)> {
    const STATES: [&str; 4] = ["available", "scheduled", "executing", "retryable"];
    let reports = dialect.report_notifications.then_some(("notification_type", "pleroma:report"));
    STATES.into_iter().map(|state| ("oban_job_state", state)).chain(reports)
}

impl Dialect {
    /// Lists the privileges on the server's tables, including some for objects that only some of
    /// the dialect's releases have.
    pub fn rights(&self) -> impl Iterator<Item = &'static Right> {
        const REPORTS: &[Right] = rights! { "public.notifications": select "type"; };
        let reports = REPORTS.iter().filter(|_| self.report_notifications);
        let by_facts = self.emptied_columns.rights().iter().chain(reports);
        SERVER.iter().chain(LEFTOVERS).chain(self.rights).chain(by_facts)
    }
}

/// A whole table may be read where none of its contents are secret from ostrakon anyway, and where
/// the planner would otherwise ignore the statistics of expression indexes.
const SERVER: &[Right] = rights! {
    "public.schema_migrations": select "version";
    "public.activities": select "", insert "", delete "";
    "public.objects": select "", insert "data inserted_at updated_at", update "data updated_at",
        delete "";
    "public.following_relationships": select "",
        insert "follower_id following_id state inserted_at updated_at",
        update "updated_at", delete "";
    "public.oban_jobs": select "id queue worker args state scheduled_at attempted_at",
        insert "queue worker args state priority max_attempts scheduled_at",
        update "inserted_at", delete "";
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
    "public.instances": select "id host unreachable_since", delete "";
    "public.conversations": select "ap_id", delete "";
    "public.counter_cache": select "id instance public unlisted private direct",
        insert "instance public unlisted private direct",
        update "public unlisted private direct", delete "";
    "public.moderation_log": insert "data inserted_at updated_at";
    "public.report_notes": select "user_id activity_id", delete "";
    "public.hashtags": select "id", delete "";
    "public.hashtags_objects": select "hashtag_id object_id", delete "";
    "public.chat_message_references": select "object_id chat_id", delete "";
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
    "public.thread_mutes": select "ctid id user_id context", delete "";
    "public.filters": select "ctid user_id", delete "";
    "public.lists": select "ctid id user_id following", update "following updated_at", delete "";
    "public.markers": select "ctid user_id", delete "";
    "public.scheduled_activities": select "ctid user_id", delete "";
    "public.bookmarks": select "ctid id user_id activity_id", delete "";
    "public.bookmark_folders": select "ctid user_id", delete "";
    "public.chats": select "ctid id user_id recipient", delete "";
    "public.conversation_participation_recipient_ships": select "ctid user_id", delete "";
    "public.conversation_participations": select "ctid user_id", delete "";
    "public.announcement_read_relationships": select "ctid user_id", delete "";
    "public.backups": select "ctid user_id", delete "";
    "public.user_follows_hashtag": select "ctid user_id hashtag_id", delete "";
    "public.user_frontend_setting_profiles": select "ctid user_id", delete "";
};

/// Columns of tables that may be read and written as a whole.
const WHOLE: &[Right] = rights! {
    "public.activities": select "id data actor recipients local inserted_at updated_at";
    "public.objects": select "id data inserted_at updated_at";
    "public.following_relationships":
        select "id follower_id following_id state inserted_at updated_at";
};

/// Tables, in addition to the leftovers, whose existence the statements check first.
const OPTIONAL_TABLES: &[&str] = &[
    "public.schema_migrations",
    "public.counter_cache",
    "public.hashtags",
    "public.hashtags_objects",
    "public.chat_message_references",
];
