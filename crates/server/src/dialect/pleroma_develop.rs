//! Pleroma's unreleased branch as of September 2026. Its sources are known in parts only
//! (docs/servers.md).

use super::{Dialect, LoweredReplies, pleroma, pleroma_2_10};

pub(super) const DIALECT: Dialect = Dialect {
    name: "pleroma-develop",
    title: "Pleroma's development branch of September 2026",
    present: &[
        "chats",
        "chat_message_references",
        "hashtags",
        "hashtags_objects",
        "users.is_active",
        "users.pinned_objects",
        "function associated_object_id(jsonb)",
        "bookmark_folders",
        "rich_media_card",
        "migration 20240527144418",
        "activities_actor_type_index",
        "migration 20250314153704",
        "retention_cursors",
        "users.indexable",
        "migration 20260902000000",
    ],
    absent: &[
        "users.deactivated",
        "users.ap_enabled",
        "user_frontend_setting_profiles",
        "signing_keys",
    ],
    newest_migration: 20_260_924_000_000,
    user_columns: const_format::concatcp!(pleroma::USER_COLUMNS, " indexable"),
    lowered_replies: LoweredReplies::PublicExceptVotes,
    ..pleroma_2_10::DIALECT
};
