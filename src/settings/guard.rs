//! `[guard]`: what keeps a command from doing more than was meant.

use serde::Deserialize;

use super::key::{Accepts, Key};

pub(super) const KEYS: &[Key] = &[Key::new("guard.typed_above", Accepts::Count(0, 1_000_000_000))];

/// What keeps a command from doing more than was meant.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GuardSettings {
    /// Number of accounts above which the operator has to type it.
    pub(crate) typed_above: u32,
}
