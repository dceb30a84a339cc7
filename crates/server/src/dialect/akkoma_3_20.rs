//! Akkoma 3.20 and 3.21 (2026.08 and 2026.09): addresses of new accounts contain their ids, nicknames
//! are looked up in lower case, accounts expire from memory. Believed, not tried on a server (docs/servers.md).

use super::{AccountCache, Dialect, LocalAddresses, NicknameIndex, akkoma_3_16, rights};

pub(super) const DIALECT: Dialect = Dialect {
    name: "akkoma-3.20",
    title: "Akkoma 3.20 and 3.21",
    present: &[
        "users.is_active",
        "user_frontend_setting_profiles",
        "signing_keys",
        "hashtags",
        "hashtags_objects",
        "users.pinned_objects",
        "users.outbox",
        "users_casefolded_nickname_index",
    ],
    absent: &[
        "users.deactivated",
        "users.ap_enabled",
        "users.accepts_chat_messages",
        "chats",
        "chat_message_references",
        "function associated_object_id(jsonb)",
        "users_nickname_index",
    ],
    newest_migration: 20_260_724_000_100,
    oban_versions: &[14],
    user_columns: "accepts_direct_messages_from disclose_client featured_address is_active \
        is_approved is_confirmed is_suggested language last_active_at last_status_at mastofe_settings \
        outbox permit_followback pinned_objects status_ttl_days",
    rights: rights! {
        "public.users":
            select "is_active is_confirmed is_approved is_discoverable \
                    pinned_objects pinned_activities last_active_at last_status_at",
            insert "following_address inbox is_approved is_confirmed outbox uri",
            update "is_active is_confirmed is_discoverable pinned_objects \
                    pinned_activities featured_address keys";
        "public.activities": update "data";
        "public.signing_keys": insert "user_id key_id private_key public_key inserted_at updated_at";
    },
    account_cache: AccountCache::Expires,
    local_addresses: LocalAddresses::ById,
    nickname_index: NicknameIndex::Lower,
    ..akkoma_3_16::DIALECT
};
