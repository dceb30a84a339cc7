//! `[throttle]`: checks that throttle long runs.

use super::key::{Accepts, Key};

pub(super) const KEYS: &[Key] = &[
    Key::new("throttle.interval", Accepts::Span(50, 60_000)),
    Key::new("throttle.release_after", Accepts::Span(0, 3_600_000)),
    Key::new("throttle.replica_lag_mib", Accepts::Count(0, 1_000_000)),
    Key::new("throttle.lock_waiters", Accepts::Count(0, 10_000)),
    Key::new("throttle.queue_delay", Accepts::Span(0, 86_400_000)),
    Key::new("throttle.wal_segments", Accepts::Count(0, 1_000_000)),
    Key::new("throttle.vacuum", Accepts::Flag),
    Key::new("throttle.active_backends", Accepts::Count(0, 10_000)),
    Key::new("throttle.disk_free_mib", Accepts::Count(0, 1_000_000_000)),
    Key::new("throttle.disk_path", Accepts::Path),
    Key::new("throttle.flag_file", Accepts::Path),
    Key::new("throttle.window", Accepts::Window),
];
