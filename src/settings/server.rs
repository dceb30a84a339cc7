//! `[server]`: the server's own switches, as far as a job must know them.

use std::time::Duration;

use kenoma_jobs::pleroma::{Refresh, Search};
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
];

/// The server's own switches. `None` means the default of the server's flavour, which is not known here.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServerSettings {
    /// Whether the server federates.
    pub(crate) federating: Option<bool>,
    /// Whether the uploads of a deleted post are deleted too.
    pub(crate) cleanup_attachments: Option<bool>,
    /// How long to wait before that; may be zero.
    #[serde(default, deserialize_with = "duration::optional")]
    pub(crate) cleanup_attachments_delay: Option<Duration>,
    /// Where the server keeps its search index.
    pub(crate) search: Option<Search>,
    /// Whether the server fetches the follower counts of remote accounts.
    pub(crate) external_user_synchronization: Option<bool>,
    /// Whether the running server is told to forget what it has cached.
    pub(crate) refresh: Option<Refresh>,
}
