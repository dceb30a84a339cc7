//! `[registration]`: the server's own configuration for new accounts.

use super::key::{Accepts, Key};

pub(super) const KEYS: &[Key] = &[
    Key::new("registration.account_activation_required", Accepts::Flag),
    Key::new("registration.account_approval_required", Accepts::Flag),
    Key::new("registration.autofollowed_nicknames", Accepts::Words),
    Key::new("registration.autofollowing_nicknames", Accepts::Words),
    Key::new("registration.extended_nickname_format", Accepts::Flag),
    Key::new("registration.restricted_nicknames", Accepts::Words),
    Key::new("registration.email_blacklist", Accepts::Words),
    Key::new("registration.user_name_length", Accepts::Count(1, 10_000)),
    Key::new("registration.user_bio_length", Accepts::Count(0, 1_000_000)),
];
