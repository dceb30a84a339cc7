//! Pleroma 2.1 and 2.2. Two columns were renamed within them; the statements that name one ask
//! [`Detected`](super::Detected) first.

use super::{
    AccountCache, AccountColumns, ActivationJob, Argon2Login, AssociatedObject, AttachmentJob,
    DeliveryJob, Dialect, EmptiedColumns, IndexJob, LastUse, LocalAddresses, LoweredReplies,
    NicknameIndex, Pins, PublishJob, Quarantine, RecipientsForm, RemovalJob, SearchJob, TaskOutput,
    UndoneFollow, Unreachable, rights,
};
use crate::PasswordScheme;

pub(super) const DIALECT: Dialect = Dialect {
    name: "pleroma-2.2",
    title: "Pleroma 2.1 and 2.2",
    present: &["chats", "chat_message_references", "users.deactivated", "users.pinned_activities"],
    absent: &[
        "users.is_active",
        "user_frontend_setting_profiles",
        "signing_keys",
        "hashtags",
        "hashtags_objects",
        "users.pinned_objects",
        "function associated_object_id(jsonb)",
    ],
    newest_migration: 20_210_128_092_834,
    // Its jobs have the same form in every version.
    oban_versions: &[],
    user_columns: "ap_enabled approval_pending confirmation_pending deactivated discoverable \
        locked mastofe_settings pinned_activities unread_conversation_count",
    rights: rights! {
        "public.users":
            select "deactivated confirmation_pending approval_pending discoverable is_discoverable \
                    pinned_activities locked",
            insert "confirmation_pending approval_pending",
            update "deactivated confirmation_pending approval_pending discoverable is_discoverable \
                    pinned_activities accepts_chat_messages locked featured_address";
        "public.activities": update "data updated_at";
    },
    optional_columns: &[(
        "public.users",
        "is_locked locked is_discoverable discoverable featured_address accepts_chat_messages",
    )],
    account_columns: AccountColumns::Deactivated,
    emptied_columns: EmptiedColumns::ApEnabledAndKeys,
    associated_object: AssociatedObject::Coalesce,
    last_use: LastUse::NotStored,
    pins: Pins::Activities,
    hashtags: false,
    chats: true,
    report_notifications: false,
    recipients: RecipientsForm::Reversed,
    context_ids: true,
    undone_follow: UndoneFollow::Cancelled,
    names_deleted_activity: true,
    validates_addresses: true,
    lowered_replies: LoweredReplies::All,
    lowers_quotes: false,
    deletes_of_inactive: false,
    reschedules_expiration: true,
    expiration_queue: "activity_expiration",
    attachment_job: AttachmentJob::OfObject { queue: "attachments_cleanup", max_attempts: 1 },
    cleanup_attachments: false,
    search_job: SearchJob::Never,
    index_job: IndexJob::FetchData,
    publish_job: PublishJob::Plain,
    delivery_job: DeliveryJob::Document { embeds_undone: false },
    delivery_priorities: false,
    delivery_attempts: 5,
    unreachable: Unreachable::AfterTimeout,
    quarantine: Quarantine::PublicOnly,
    html_mfm: false,
    mail_job: None,
    prunes_after_days: None,
    prunes_reports: false,
    keeps_pinned: false,
    counts_replies: false,
    account_cache: AccountCache::ProfileOnly,
    reloads_fieldless: false,
    activation_job: ActivationJob::DeactivateUser,
    removal_job: RemovalJob::Never,
    repeats_deactivation: true,
    counts_inactive_followers: false,
    removes_unconfirmed: false,
    confirms_new_accounts: true,
    local_addresses: LocalAddresses::ByNickname,
    nickname_index: NicknameIndex::Nickname,
    makes_keys: false,
    restricted_in_any_case: false,
    password_reset_path: "/api/pleroma/password_reset",
    password_scheme: PasswordScheme::Pbkdf2,
    argon2_login: Argon2Login::No,
    task_output: TaskOutput::Deactivated,
};
