//! Akkoma 3.15 (2025.03): fewer attempts for a delivery, files of deleted posts stay, all replies are
//! subtracted.

use super::{Dialect, LoweredReplies, akkoma_3_16};

pub(super) const DIALECT: Dialect = Dialect {
    name: "akkoma-3.15",
    title: "Akkoma 3.15",
    present: &[
        "users.is_active",
        "user_frontend_setting_profiles",
        "signing_keys",
        "hashtags",
        "hashtags_objects",
        "users.pinned_objects",
        "users_nickname_index",
        "users.accepts_chat_messages",
        "migration 20250302113138",
    ],
    absent: &[
        "users.deactivated",
        "users.ap_enabled",
        "instances.has_request_signatures",
        "chats",
        "chat_message_references",
        "function associated_object_id(jsonb)",
        "migration 20250621000000",
        "migration 20250806000000",
    ],
    newest_migration: 20_250_326_000_000,
    oban_versions: &[12],
    lowered_replies: LoweredReplies::All,
    cleanup_attachments: false,
    delivery_attempts: 5,
    html_mfm: false,
    ..akkoma_3_16::DIALECT
};
