//! `[server]`: the server's own configuration, as far as jobs depend on it.

use super::key::{Accepts, Key};

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
    Key::new("server.publish_wait", Accepts::Span(0, 86_400_000)),
    Key::new("server.accept_unknown", Accepts::Text),
];
