//! Pleroma 2.10: more attempts for a delivery, none to a host that is known to be unreachable, search
//! jobs for posts only. The last is so from 2.10.1 on; the database does not show which it is.

use super::{Argon2Login, DeliveryJob, Dialect, IndexJob, Unreachable, pleroma_2_7};

pub(super) const DIALECT: Dialect = Dialect {
    name: "pleroma-2.10",
    title: "Pleroma 2.10",
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
    ],
    absent: &[
        "users.deactivated",
        "users.ap_enabled",
        "user_frontend_setting_profiles",
        "signing_keys",
        "retention_cursors",
        "users.indexable",
        "migration 20260902000000",
    ],
    newest_migration: 20_260_401_185_429,
    index_job: IndexJob::Never,
    delivery_job: DeliveryJob::ActivityId { unreachable_since: false },
    delivery_attempts: 13,
    unreachable: Unreachable::Immediately,
    argon2_login: Argon2Login::Yes,
    ..pleroma_2_7::DIALECT
};
