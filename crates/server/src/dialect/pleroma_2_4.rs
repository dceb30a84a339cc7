//! Pleroma 2.4: conversations have a row, keys are made at the first use, deliveries have no
//! priorities.

use super::{AssociatedObject, Dialect, EmptiedColumns, LastUse, pleroma_2_6};

pub(super) const DIALECT: Dialect = Dialect {
    name: "pleroma-2.4",
    title: "Pleroma 2.4",
    present: &[
        "chats",
        "chat_message_references",
        "hashtags",
        "hashtags_objects",
        "users.is_active",
        "users.pinned_objects",
        "users.ap_enabled",
        "users.mastofe_settings",
    ],
    absent: &[
        "users.deactivated",
        "users.pinned_activities",
        "users.last_status_at",
        "users.status_ttl_days",
        "user_frontend_setting_profiles",
        "signing_keys",
        "function associated_object_id(jsonb)",
    ],
    newest_migration: 20_211_126_191_138,
    oban_versions: &[9],
    user_columns: "ap_enabled disclose_client featured_address is_active is_approved is_confirmed \
        last_active_at mastofe_settings pinned_objects",
    optional_columns: &[("public.users", "pinned_activities last_status_at")],
    last_use: LastUse::OfLocal,
    emptied_columns: EmptiedColumns::ApEnabledAndMastofeSettings,
    associated_object: AssociatedObject::Coalesce,
    // From 2.4.5 on; the database does not show which it is.
    report_notifications: true,
    context_ids: true,
    lowers_quotes: false,
    delivery_priorities: false,
    makes_keys: false,
    ..pleroma_2_6::DIALECT
};
