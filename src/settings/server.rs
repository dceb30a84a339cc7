//! `[server]`: the server's own configuration, as far as jobs depend on it.

use std::time::Duration;

use ostrakon_jobs::pleroma::{Refresh, Search};
use serde::Deserialize;

use super::{
    duration,
    key::{Accepts, Key},
};

pub(super) const KEYS: &[Key] = &[
    Key::new("server.federating", Accepts::Flag),
    Key::new("server.cleanup_attachments", Accepts::Flag),
    Key::new("server.cleanup_attachments_delay", Accepts::Span(0, 30 * 86_400_000)),
    Key::new(
        "server.search",
        Accepts::OneOf(&["none", "database", "meilisearch", "elasticsearch"]),
    ),
    Key::new("server.external_user_synchronization", Accepts::Flag),
    Key::new("server.refresh", Accepts::OneOf(&["auto", "off"])),
    Key::new("server.name", Accepts::Text),
    Key::new("server.notify_email", Accepts::Text),
    Key::new("server.account_activation_required", Accepts::Flag),
    Key::new("server.account_approval_required", Accepts::Flag),
    Key::new("server.autofollowed_nicknames", Accepts::Words),
    Key::new("server.autofollowing_nicknames", Accepts::Words),
    Key::new("server.extended_nickname_format", Accepts::Flag),
    Key::new("server.restricted_nicknames", Accepts::Words),
    Key::new("server.email_blacklist", Accepts::Words),
    Key::new("server.user_name_length", Accepts::Count(1, 10_000)),
    Key::new("server.user_bio_length", Accepts::Count(0, 1_000_000)),
    Key::new("server.publish_wait", Accepts::Span(0, 86_400_000)),
];

/// Copy of the server's own configuration. `None` means the default of the server's flavour, which
/// is not known here.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServerSettings {
    /// Whether the server federates.
    pub(crate) federating: Option<bool>,
    /// Whether the uploads of a deleted post are deleted too.
    pub(crate) cleanup_attachments: Option<bool>,
    /// Delay before those uploads are deleted; may be zero.
    #[serde(default, deserialize_with = "duration::optional")]
    pub(crate) cleanup_attachments_delay: Option<Duration>,
    /// Location of the server's search index.
    pub(crate) search: Option<Search>,
    /// Whether the server fetches the follower counts of remote accounts.
    pub(crate) external_user_synchronization: Option<bool>,
    /// Whether the running server is made to reload what it has cached.
    pub(crate) refresh: Option<Refresh>,
    /// Name of the server in mails.
    pub(crate) name: Option<String>,
    /// Sender address of mails.
    pub(crate) notify_email: Option<String>,
    /// Whether new accounts confirm their e-mail address.
    pub(crate) account_activation_required: bool,
    /// Whether new accounts require approval.
    pub(crate) account_approval_required: bool,
    /// Accounts that every new account follows.
    pub(crate) autofollowed_nicknames: Vec<String>,
    /// Accounts that follow every new account.
    pub(crate) autofollowing_nicknames: Vec<String>,
    /// Whether nicknames may contain `_` and `-`.
    pub(crate) extended_nickname_format: bool,
    /// Nicknames that are reserved.
    pub(crate) restricted_nicknames: Option<Vec<String>>,
    /// Blocked domains of e-mail addresses.
    pub(crate) email_blacklist: Vec<String>,
    /// Maximum length of an account's name, in characters.
    pub(crate) user_name_length: u32,
    /// Maximum length of a bio, in characters.
    pub(crate) user_bio_length: u32,
    /// Maximum time a removed account's row waits for its deliveries; zero for no wait.
    #[serde(deserialize_with = "duration::deserialize")]
    pub(crate) publish_wait: Duration,
}
