//! What stays of a host.

use serde::{Deserialize, Serialize};

/// What stays of accounts that a local account follows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeepFollowed {
    /// Nothing.
    #[default]
    None,
    /// The account, its posts and boosts, and its local followers.
    Posts,
    /// Everything.
    Full,
}

/// What stays of a host, besides what open reports refer to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the command")]
pub struct Keep {
    /// What stays of accounts that a local account follows.
    pub followed: KeepFollowed,
    /// Whether posts stay that a local account has bookmarked.
    pub bookmarked: bool,
    /// Whether posts stay that a local account likes.
    pub liked: bool,
    /// Whether posts stay to which a local account has replied.
    pub replied_to: bool,
    /// Whether the accounts stay, without what they did.
    pub accounts: bool,
}

impl Keep {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    pub(super) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}
