//! Akkoma 3.16 to 3.19 (2025.10 to 2026.05).

use super::{
    AccountCache, AccountColumns, ActivationJob, Argon2Login, AssociatedObject, AttachmentJob,
    DeliveryJob, Dialect, EmptiedColumns, IndexJob, LastUse, LocalAddresses, LoweredReplies,
    NicknameIndex, Pins, PublishJob, Quarantine, RecipientsForm, RemovalJob, SearchJob, TaskOutput,
    UndoneFollow, Unreachable, rights,
};
use crate::PasswordScheme;

pub(super) const DIALECT: Dialect = Dialect {
    name: "akkoma-3.16",
    title: "Akkoma 3.16 to 3.19",
    present: &[
        "users.is_active",
        "user_frontend_setting_profiles",
        "signing_keys",
        "hashtags",
        "hashtags_objects",
        "users.pinned_objects",
        "users_nickname_index",
        "migration 20250621000000",
        "migration 20250806000000",
    ],
    absent: &[
        "users.deactivated",
        "users.ap_enabled",
        "users.accepts_chat_messages",
        "chats",
        "chat_message_references",
        "function associated_object_id(jsonb)",
        "users.outbox",
        "users_casefolded_nickname_index",
    ],
    newest_migration: 20_260_406_000_010,
    oban_versions: &[12, 13],
    user_columns: "accepts_direct_messages_from disclose_client featured_address is_active \
        is_approved is_confirmed is_suggested language last_active_at last_status_at mastofe_settings \
        permit_followback pinned_objects status_ttl_days",
    rights: rights! {
        "public.users":
            select "is_active is_confirmed is_approved is_discoverable \
                    pinned_objects pinned_activities last_active_at last_status_at",
            insert "following_address is_confirmed is_approved",
            update "is_active is_confirmed is_discoverable pinned_objects \
                    pinned_activities featured_address keys";
        "public.activities": update "data";
        "public.signing_keys": insert "user_id key_id private_key public_key inserted_at updated_at";
    },
    optional_columns: &[("public.users", "pinned_activities keys")],
    account_columns: AccountColumns::Active,
    emptied_columns: EmptiedColumns::MastofeSettings,
    associated_object: AssociatedObject::Coalesce,
    last_use: LastUse::OfAll,
    pins: Pins::Objects,
    hashtags: true,
    chats: false,
    report_notifications: true,
    recipients: RecipientsForm::Sorted,
    context_ids: false,
    undone_follow: UndoneFollow::Deleted,
    names_deleted_activity: false,
    validates_addresses: false,
    lowered_replies: LoweredReplies::Public,
    lowers_quotes: false,
    deletes_of_inactive: true,
    reschedules_expiration: false,
    expiration_queue: "activity_expiration",
    attachment_job: AttachmentJob::OfFiles,
    cleanup_attachments: true,
    search_job: SearchJob::IfIndexed,
    index_job: IndexJob::IfIndexed,
    publish_job: PublishJob::WithUndone,
    delivery_job: DeliveryJob::Document { embeds_undone: true },
    delivery_priorities: true,
    delivery_attempts: 6,
    unreachable: Unreachable::AfterTimeout,
    quarantine: Quarantine::Nothing,
    html_mfm: true,
    mail_job: Some(("mailer", 1)),
    prunes_after_days: Some(30),
    prunes_reports: true,
    keeps_pinned: true,
    counts_replies: true,
    account_cache: AccountCache::UntilRestart,
    reloads_fieldless: false,
    activation_job: ActivationJob::UserActivation,
    removal_job: RemovalJob::Always {
        queue: "background",
        worker: "Pleroma.Workers.BackgroundWorker",
    },
    repeats_deactivation: false,
    counts_inactive_followers: true,
    removes_unconfirmed: true,
    confirms_new_accounts: false,
    local_addresses: LocalAddresses::ByNickname,
    nickname_index: NicknameIndex::Nickname,
    makes_keys: true,
    restricted_in_any_case: false,
    password_reset_path: "/api/v1/pleroma/password_reset",
    password_scheme: PasswordScheme::Argon2,
    argon2_login: Argon2Login::Yes,
    task_output: TaskOutput::Active,
};
