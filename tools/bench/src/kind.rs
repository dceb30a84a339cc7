//! The measured commands.

use testkit::Community;

/// A command with its size.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    DeleteActivities {
        posts: i32,
    },
    /// For a host with accounts that follow `follows` local ones each.
    DeactivateInstance {
        accounts: i32,
        follows: i32,
    },
}

impl Kind {
    /// Returns the community to measure in, based on the usual one.
    pub(super) const fn community(self, usual: Community) -> Community {
        match self {
            Self::DeleteActivities { posts } => Community { posts, ..usual },
            Self::DeactivateInstance { accounts, follows } => {
                Community { posts: 2_000, spam_accounts: accounts, spam_follows: follows, ..usual }
            }
        }
    }

    pub(super) fn describe(self) -> String {
        match self {
            Self::DeleteActivities { posts } => {
                format!("delete_activities of an account with {posts} posts")
            }
            Self::DeactivateInstance { accounts, follows } => format!(
                "deactivate_all_from_instance of a host with {accounts} accounts and {} relations",
                accounts * (follows + Community::followed_by(follows))
            ),
        }
    }

    /// Returns its name in the raw figures.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::DeleteActivities { .. } => "delete_activities",
            Self::DeactivateInstance { follows: ..=1, .. } => "deactivate_instance of spam",
            Self::DeactivateInstance { .. } => "deactivate_instance",
        }
    }

    pub(super) const fn unit(self) -> &'static str {
        match self {
            Self::DeleteActivities { .. } => "post",
            Self::DeactivateInstance { .. } => "account",
        }
    }

    /// Returns the number of units.
    pub(super) fn size(self) -> i64 {
        i64::from(match self {
            Self::DeleteActivities { posts } => posts,
            Self::DeactivateInstance { accounts, .. } => accounts,
        })
    }

    /// Returns the number of units for calculations.
    pub(super) fn items(self) -> f64 {
        f64::from(match self {
            Self::DeleteActivities { posts } => posts,
            Self::DeactivateInstance { accounts, .. } => accounts,
        })
    }

    /// Returns the account or host.
    pub(super) const fn subject(self) -> &'static str {
        match self {
            Self::DeleteActivities { .. } => Community::PROLIFIC,
            Self::DeactivateInstance { .. } => Community::SPAM_HOST,
        }
    }

    /// Returns the arguments after `ostrakon`.
    pub(super) const fn command(self) -> &'static [&'static str] {
        match self {
            Self::DeleteActivities { .. } => &["user", "delete_activities", Community::PROLIFIC],
            // Many people here follow somebody there.
            Self::DeactivateInstance { .. } => {
                const HOST: &str = Community::SPAM_HOST;
                &["user", "deactivate_all_from_instance", HOST, "--override", "spam"]
            }
        }
    }

    /// Returns the statements that create the bare procedure.
    pub(super) const fn floor(self) -> &'static str {
        match self {
            Self::DeleteActivities { .. } => include_str!("floor_delete_activities.sql"),
            Self::DeactivateInstance { .. } => include_str!("floor_deactivate_instance.sql"),
        }
    }

    /// Returns the call of that procedure; `$1` is the account or host.
    pub(super) const fn call(self) -> &'static str {
        match self {
            Self::DeleteActivities { .. } => "call floor_delete_activities($1, 0, 0, 0)",
            Self::DeactivateInstance { .. } => "call floor_deactivate_instance($1, 0, 0, 0)",
        }
    }
}
