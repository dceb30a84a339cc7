//! `[batch]`: how much one transaction does, and the rests between two of them.

use super::key::{Accepts, Key};

pub(super) const KEYS: &[Key] = &[
    Key::new("batch.rows_initial", Accepts::Count(1, 10_000)),
    Key::new("batch.rows_max", Accepts::Count(1, 10_000)),
    Key::new("batch.rows_busy", Accepts::Count(1, 10_000)),
    Key::new("batch.percent_busy", Accepts::Count(1, 100)),
    Key::new("batch.target", Accepts::Span(10, 5_000)),
    Key::new("batch.lock_timeout", Accepts::Span(10, 60_000)),
    Key::new("batch.statement_timeout", Accepts::Span(100, 600_000)),
    Key::new("batch.late_writes", Accepts::Span(0, 600_000)),
];
