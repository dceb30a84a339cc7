//! `[federation]`: how other servers are notified of deletions.

use super::key::{Accepts, Key};

pub(super) const KEYS: &[Key] = &[
    Key::new("federation.fanout", Accepts::OneOf(&["server", "ostrakon"])),
    Key::new("federation.quarantined_instances", Accepts::Words),
    Key::new("federation.rejected_instances", Accepts::Words),
    Key::new("federation.accepted_instances", Accepts::Words),
    Key::new("federation.reachability_timeout", Accepts::Span(3_600_000, 30 * 86_400_000)),
    Key::new("federation.per_second", Accepts::Count(1, 1_000_000)),
    Key::new("federation.max_waiting", Accepts::Count(100, 10_000_000)),
];
