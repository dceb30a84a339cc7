//! `[guard]`: what keeps a command from doing more than was meant.

use serde::Deserialize;

use super::key::{Accepts, Key};

pub(super) const KEYS: &[Key] = &[
    Key::new("guard.typed_above", Accepts::Count(0, 1_000_000_000)),
    Key::new("guard.max_share_percent", Accepts::Count(0, 100)),
    Key::new("guard.followed_above", Accepts::Count(0, 1_000_000_000)),
];

/// What keeps a command from doing more than was meant.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GuardSettings {
    /// Number of accounts above which the operator has to type it.
    pub(crate) typed_above: u32,
    /// Per cent of the local accounts above which a command on many accounts is refused.
    pub(crate) max_share_percent: u32,
    /// Number of people of this server who follow a host above which that is refused.
    pub(crate) followed_above: u32,
}
