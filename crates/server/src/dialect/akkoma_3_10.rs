//! Akkoma 3.10 to 3.14 (2023.08 to 2025.01): keys in `users`, in 3.14 in a table of their own, too.
//!
//! 3.14 removes files by a job of another form; its worker takes this one as well.

use super::{AttachmentJob, Dialect, EmptiedColumns, akkoma_3_15};

pub(super) const DIALECT: Dialect = Dialect {
    name: "akkoma-3.10",
    title: "Akkoma 3.10 to 3.14",
    present: &[
        "users.is_active",
        "user_frontend_setting_profiles",
        "hashtags",
        "hashtags_objects",
        "users.pinned_objects",
        "users.status_ttl_days",
        "users.last_status_at",
        "users_nickname_index",
        "users.ap_enabled",
        "users.keys",
        "instances.has_request_signatures",
    ],
    // 3.10 still has chats, which nobody can use.
    absent: &[
        "users.deactivated",
        "users.indexable",
        "function associated_object_id(jsonb)",
        "migration 20250302113138",
        "migration 20250621000000",
    ],
    newest_migration: 20_250_112_000_001,
    oban_versions: &[11],
    user_columns: "accepts_direct_messages_from ap_enabled disclose_client featured_address is_active \
        is_approved is_confirmed is_suggested language last_active_at last_status_at mastofe_settings \
        permit_followback pinned_objects status_ttl_days",
    optional_columns: &[
        ("public.users", "pinned_activities"),
        ("public.signing_keys", "user_id key_id private_key public_key inserted_at updated_at"),
    ],
    emptied_columns: EmptiedColumns::ApEnabledAndMastofeSettings,
    attachment_job: AttachmentJob::OfObject { queue: "attachments_cleanup", max_attempts: 1 },
    ..akkoma_3_15::DIALECT
};
