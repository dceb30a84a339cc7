//! `[federation]`: how other servers are notified of deletions.

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

/// How other servers are notified.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FederationSettings {
    /// Program that determines the inboxes.
    pub(crate) fanout: Fanout,
    /// Hosts that receive public activities only.
    pub(crate) quarantined_instances: Vec<String>,
    /// Time after which an unreachable host receives no more deliveries.
    #[serde(deserialize_with = "duration::deserialize")]
    pub(crate) reachability_timeout: Duration,
    /// Maximum number of ostrakon's deliveries that become due per second.
    pub(crate) per_second: u32,
    /// Maximum number of waiting deliveries; above it, ostrakon queues no more.
    pub(crate) max_waiting: u32,
}
