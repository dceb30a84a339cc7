//! `[federation]`: how other servers are told of what was deleted.

use std::time::Duration;

use ostrakon_jobs::pleroma::Fanout;
use serde::Deserialize;

use super::{
    duration,
    key::{Accepts, Key},
};

pub(super) const KEYS: &[Key] = &[
    Key::new("federation.fanout", Accepts::OneOf(&["server", "ostrakon"])),
    Key::new("federation.quarantined_instances", Accepts::Words),
    Key::new("federation.reachability_timeout", Accepts::Span(3_600_000, 30 * 86_400_000)),
    Key::new("federation.per_second", Accepts::Count(1, 1_000_000)),
    Key::new("federation.max_waiting", Accepts::Count(100, 10_000_000)),
];

/// How other servers are told.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FederationSettings {
    /// Who finds out the inboxes.
    pub(crate) fanout: Fanout,
    /// Hosts that get public activities only.
    pub(crate) quarantined_instances: Vec<String>,
    /// A host that has been unreachable for longer is told nothing.
    #[serde(deserialize_with = "duration::deserialize")]
    pub(crate) reachability_timeout: Duration,
    /// At most so many deliveries that ostrakon asks for become due in one second.
    pub(crate) per_second: u32,
    /// No more are asked for while more than so many wait.
    pub(crate) max_waiting: u32,
}
