//! Pleroma 2.5: `users.ap_enabled`, no quotes.

use super::{Dialect, EmptiedColumns, pleroma, pleroma_2_6};

pub(super) const DIALECT: Dialect = Dialect {
    name: "pleroma-2.5",
    title: "Pleroma 2.5",
    present: &[
        "chats",
        "chat_message_references",
        "hashtags",
        "hashtags_objects",
        "users.is_active",
        "users.pinned_objects",
        "users.last_status_at",
        "users.ap_enabled",
        "function associated_object_id(jsonb)",
    ],
    absent: &[
        "users.deactivated",
        "users.mastofe_settings",
        "users.accepts_email_list",
        "users.location",
        "user_frontend_setting_profiles",
        "signing_keys",
        "objects_quote_url",
        "migration 20230504173400",
        "bookmark_folders",
        "rich_media_card",
    ],
    newest_migration: 20_230_422_154_018,
    user_columns: const_format::concatcp!(pleroma::USER_COLUMNS, " ap_enabled"),
    emptied_columns: EmptiedColumns::ApEnabled,
    lowers_quotes: false,
    ..pleroma_2_6::DIALECT
};
