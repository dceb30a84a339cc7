//! Creation of accounts (docs/semantics.md 5).

mod after;
mod autofollow;
mod candidate;
mod create;
mod fault;
mod nickname;

pub(super) use after::Newcomer;
pub use after::{ConfirmationMail, Welcome, send_confirmation, welcome};
pub use candidate::Candidate;
pub use create::{CreateError, NewAccount, create_account, give_roles};
pub use fault::Fault;
pub use nickname::nickname_fault;

use serde::Deserialize;

/// Section `[registration]` of the settings: the server's own configuration for new accounts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistrationSettings {
    /// Whether new accounts must confirm their e-mail address.
    pub account_activation_required: bool,
    /// Whether new accounts need an approval.
    pub account_approval_required: bool,
    /// Nicknames of accounts that every new account follows.
    pub autofollowed_nicknames: Vec<String>,
    /// Nicknames of accounts that follow every new account.
    pub autofollowing_nicknames: Vec<String>,
    /// Whether nicknames may hold `_` and `-`.
    pub extended_nickname_format: bool,
    /// Nicknames that no account may take; by default the server's own list.
    pub restricted_nicknames: Option<Vec<String>>,
    /// Domains whose e-mail addresses are not allowed, sub-domains included.
    pub email_blacklist: Vec<String>,
    /// Maximum length of a name, in characters.
    pub user_name_length: usize,
    /// Maximum length of a bio, in characters.
    pub user_bio_length: usize,
}
