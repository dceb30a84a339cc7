//! Making accounts (docs/semantics.md 5).

mod after;
mod autofollow;
mod candidate;
mod create;
mod fault;
mod nickname;

pub(super) use after::Newcomer;
pub use after::{Welcome, welcome};
pub use candidate::Candidate;
pub use create::{CreateError, NewAccount, create_account, give_roles};
pub use fault::Fault;
pub use nickname::nickname_fault;

/// The server's own configuration of how accounts are made.
#[derive(Debug, Clone)]
pub struct Registration {
    /// The server's name, as mails say it; its host when not given.
    pub instance_name: Option<String>,
    /// Sender of mails; `noreply@` and the host when not given.
    pub notify_email: Option<String>,
    /// Whether new accounts confirm their e-mail address.
    pub account_activation_required: bool,
    /// Whether new accounts wait for an approval.
    pub account_approval_required: bool,
    /// Whom every new account follows.
    pub autofollowed_nicknames: Vec<String>,
    /// Who follows every new account.
    pub autofollowing_nicknames: Vec<String>,
    /// Whether nicknames may hold `_` and `-`.
    pub extended_nickname_format: bool,
    /// Nicknames that nobody may take; the server's own list when not given.
    pub restricted_nicknames: Option<Vec<String>>,
    /// Domains, with their sub-domains, whose e-mail addresses nobody may use.
    pub email_blacklist: Vec<String>,
    /// Longest name, in characters.
    pub user_name_length: usize,
    /// Longest bio, in characters.
    pub user_bio_length: usize,
}

impl Default for Registration {
    /// As the server's own defaults are.
    fn default() -> Self {
        Self {
            instance_name: None,
            notify_email: None,
            account_activation_required: false,
            account_approval_required: false,
            autofollowed_nicknames: Vec::new(),
            autofollowing_nicknames: Vec::new(),
            extended_nickname_format: true,
            restricted_nicknames: None,
            email_blacklist: Vec::new(),
            user_name_length: 100,
            user_bio_length: 5000,
        }
    }
}
