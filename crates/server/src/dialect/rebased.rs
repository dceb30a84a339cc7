//! Rebased 2.6.50, a descendant of Pleroma 2.6 with search jobs. What its sources show; none of it
//! was tried on a server (docs/servers.md).

use super::{Dialect, EmptiedColumns, IndexJob, SearchJob, pleroma, pleroma_2_6};

pub(super) const DIALECT: Dialect = Dialect {
    name: "rebased-2.6",
    title: "Rebased 2.6",
    present: &[
        "chats",
        "chat_message_references",
        "hashtags",
        "hashtags_objects",
        "users.is_active",
        "users.pinned_objects",
        "function associated_object_id(jsonb)",
        "webhooks",
        "users.accepts_email_list",
        "users.location",
        "migration 20220927220033",
        "migration 20221029171353",
    ],
    absent: &[
        "users.deactivated",
        "users.ap_enabled",
        "user_frontend_setting_profiles",
        "signing_keys",
        "bookmark_folders",
        "rich_media_card",
        "domains",
    ],
    newest_migration: 20_231_231_235_959,
    user_columns: const_format::concatcp!(
        pleroma::USER_COLUMNS,
        " accepts_email_list last_move_at location"
    ),
    emptied_columns: EmptiedColumns::AcceptsEmailList,
    search_job: SearchJob::Always,
    index_job: IndexJob::Always,
    reloads_fieldless: true,
    ..pleroma_2_6::DIALECT
};
