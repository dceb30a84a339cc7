//! The values that facts have.

use super::{Right, rights};

/// How long the running server keeps an account in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountCache {
    /// Until it restarts or writes the account itself; but what its owner may do is read at every
    /// request.
    ProfileOnly,
    /// Until it restarts or writes the account itself.
    UntilRestart,
    /// For at most 25 s.
    Expires,
}

impl AccountCache {
    /// Whether nobody has to restart the server.
    pub const fn expires(self) -> bool {
        matches!(self, Self::Expires)
    }

    /// How long the server goes on using the old state of an account, in words.
    pub const fn for_how_long(self) -> &'static str {
        match self {
            Self::ProfileOnly | Self::UntilRestart => {
                "until it restarts or writes the account itself"
            }
            Self::Expires => "for up to 25 s",
        }
    }
}

/// How the state of an account is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountColumns {
    /// `is_active`, `is_confirmed`, `is_approved`.
    Active,
    /// `deactivated`, `confirmation_pending`, `approval_pending`.
    Deactivated,
}

/// Columns that only some servers have and a removal empties.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmptiedColumns {
    /// None besides the state.
    None,
    /// `mastofe_settings`.
    MastofeSettings,
    /// `ap_enabled`.
    ApEnabled,
    /// `ap_enabled`, `mastofe_settings`.
    ApEnabledAndMastofeSettings,
    /// `accepts_email_list`.
    AcceptsEmailList,
    /// `ap_enabled`, `mastofe_settings`; when every delivery is signed also the keys.
    ApEnabledAndKeys,
}

impl EmptiedColumns {
    /// Privileges on these columns.
    pub(super) const fn rights(self) -> &'static [Right] {
        match self {
            Self::None => &[],
            Self::MastofeSettings => rights! {
                "public.users": select "mastofe_settings", update "mastofe_settings";
            },
            Self::ApEnabled => rights! {
                "public.users": select "ap_enabled", update "ap_enabled";
            },
            Self::ApEnabledAndMastofeSettings => rights! {
                "public.users": select "ap_enabled mastofe_settings", update "ap_enabled mastofe_settings";
            },
            Self::AcceptsEmailList => rights! {
                "public.users": select "accepts_email_list", update "accepts_email_list";
            },
            // Only here ostrakon may read the keys of an account, to see whether they are gone.
            Self::ApEnabledAndKeys => rights! {
                "public.users":
                    select "ap_enabled mastofe_settings keys public_key",
                    update "ap_enabled mastofe_settings keys public_key";
            },
        }
    }
}

/// Accounts of which the server stores when they were last used, or last posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastUse {
    /// All: the last use of local accounts, the last post of any.
    OfAll,
    /// Local accounts.
    OfLocal,
    /// None.
    NotStored,
}

/// Expression in the index of activities by their object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssociatedObject {
    /// By the SQL function `associated_object_id(jsonb)`.
    Function,
    /// By `coalesce(data->'object'->>'id', data->>'object')`.
    Coalesce,
}

/// Column in which pins are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pins {
    /// `users.pinned_objects`: JSON map from object id to time.
    Objects,
    /// `users.pinned_activities`: array of flake texts.
    Activities,
}

/// Form of the recipients of a Delete or Undo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecipientsForm {
    /// Sorted, without duplicates, with empty `bto` and `bcc`.
    Sorted,
    /// In reverse order, with duplicates, without `bto` and `bcc`.
    Reversed,
}

/// What becomes of a Follow that is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UndoneFollow {
    /// Its state becomes `cancelled`.
    Cancelled,
    /// Its row is deleted.
    Deleted,
}

/// Replies that a deletion subtracts from the counter of the post to which they reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoweredReplies {
    /// All.
    All,
    /// Public ones.
    Public,
    /// Public ones that are no votes in a poll.
    PublicExceptVotes,
}

/// Job that removes the files of a deleted post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttachmentJob {
    /// One with the post's document.
    OfObject {
        /// Its queue.
        queue: &'static str,
        /// Number of attempts.
        max_attempts: i32,
    },
    /// One with the list of files, later, for posts of this server only.
    OfFiles,
}

/// When a deletion gets a job that removes the post from the search index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchJob {
    /// Always, whatever the search module.
    Always,
    /// If an external index is configured.
    IfIndexed,
    /// Never.
    Never,
}

/// Job that a new activity gets for the search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexJob {
    /// `add_to_index`.
    Always,
    /// `add_to_index` if an external index is configured.
    IfIndexed,
    /// `fetch_data_for_activity`.
    FetchData,
    /// None.
    Never,
}

/// Arguments of the job that federates an activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublishJob {
    /// The activity's id.
    Plain,
    /// Also `opts`, which the newest releases require and older ones ignore.
    WithOptions,
    /// Also the document of the undone activity, whose row will be gone by then.
    WithUndone,
}

/// Arguments of the job that delivers an activity to one inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryJob {
    /// The document itself, and since when the host has been unreachable.
    Document {
        /// Whether an Undo embeds what it undoes.
        embeds_undone: bool,
    },
    /// The activity's id.
    ActivityId {
        /// Whether it says since when the host has been unreachable.
        unreachable_since: bool,
    },
}

/// Which unreachable hosts get no deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreachable {
    /// Those that have been unreachable for longer than `federation.reachability_timeout`.
    AfterTimeout,
    /// All.
    Immediately,
}

/// What quarantined hosts get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quarantine {
    /// Public activities only.
    PublicOnly,
    /// Nothing; as little as hosts that are rejected, or not among those that are accepted.
    Nothing,
}

/// Addresses of a new account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalAddresses {
    /// `<base>/users/NICK`.
    ByNickname,
    /// `<base>/users/by-id/ID`, with inbox and outbox in columns of their own; the profile's address,
    /// `<base>/users/NICK`, is another one.
    ById,
}

/// Index in which nicknames are looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NicknameIndex {
    /// On `nickname`, whose type ignores case.
    Nickname,
    /// On `lower(nickname)`.
    Lower,
}

/// Job that activates or deactivates an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActivationJob {
    /// `user_activation`, whose status is `true` for an active account.
    UserActivation,
    /// `deactivate_user`, whose status is `true` for an inactive account.
    DeactivateUser,
}

/// Job by which the running server itself removes an account: used only where tests showed that it
/// does no more when everything of the account is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemovalJob {
    /// For every account, at the end. Any other job would put the old profile into memory again.
    Always {
        /// Its queue.
        queue: &'static str,
        /// Its worker.
        worker: &'static str,
    },
    /// For an account whose row goes; one whose row stays can be reloaded.
    OfRow {
        /// Its queue.
        queue: &'static str,
        /// Its worker.
        worker: &'static str,
    },
    /// Never: the server shows the account until it restarts.
    Never,
}

/// Whether the login accepts argon2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Argon2Login {
    /// It does.
    Yes,
    /// Not in the oldest of these releases, and the database does not show which it is.
    SinceLater,
    /// It does not.
    No,
}

/// Words in which the original's tasks report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskOutput {
    /// `is_active`, "Successfully deactivated".
    Active,
    /// `deactivated`, "Deactivating", "Confirmation pending status".
    Deactivated,
}
