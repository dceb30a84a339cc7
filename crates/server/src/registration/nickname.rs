//! Nicknames that an account may have (docs/semantics.md 5.2).

use super::{super::Dialect, Fault, RegistrationSettings};

/// Nicknames that the servers reserve for their own addresses.
const RESTRICTED: [&str; 36] = [
    ".well-known",
    "~",
    "about",
    "activities",
    "api",
    "auth",
    "check_password",
    "dev",
    "friend-requests",
    "inbox",
    "internal",
    "main",
    "media",
    "nodeinfo",
    "notice",
    "oauth",
    "objects",
    "ostatus_subscribe",
    "pleroma",
    "proxy",
    "push",
    "registration",
    "relay",
    "settings",
    "status",
    "tag",
    "user-search",
    "user_exists",
    "users",
    "web",
    "verify_credentials",
    "update_credentials",
    "relationships",
    "search",
    "confirmation_resend",
    "mfa",
];

/// Fault of a nickname by the rules alone, whether or not it is taken.
pub fn nickname_fault(
    nickname: &str,
    rules: &RegistrationSettings,
    dialect: &Dialect,
) -> Option<Fault> {
    let extended = rules.extended_nickname_format;
    let allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || (extended && matches!(byte, b'_' | b'-'));
    if nickname.trim().is_empty() {
        Some(Fault::NicknameMissing)
    } else if !nickname.bytes().all(allowed) {
        Some(if extended { Fault::NicknameFormat } else { Fault::NicknameStrictFormat })
    } else {
        is_restricted(nickname, rules, dialect).then_some(Fault::NicknameRestricted)
    }
}

/// Whether the server reserves a nickname. Only Pleroma ignores case here.
fn is_restricted(nickname: &str, rules: &RegistrationSettings, dialect: &Dialect) -> bool {
    let is_it = |word: &str| {
        if dialect.restricted_in_any_case {
            word.to_lowercase() == nickname.to_lowercase()
        } else {
            word == nickname
        }
    };
    match &rules.restricted_nicknames {
        Some(words) => words.iter().any(|word| is_it(word)),
        None => RESTRICTED.into_iter().any(is_it),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use testkit::default_settings;

    use super::*;
    use crate::DIALECTS;

    fn dialect_that(fits: fn(&Dialect) -> bool) -> &'static Dialect {
        DIALECTS.into_iter().find(|dialect| fits(dialect)).unwrap_or(DIALECTS[0])
    }

    fn any_case() -> &'static Dialect {
        dialect_that(|dialect| dialect.restricted_in_any_case)
    }

    fn case_sensitive() -> &'static Dialect {
        dialect_that(|dialect| !dialect.restricted_in_any_case)
    }

    fn strict() -> RegistrationSettings {
        RegistrationSettings { extended_nickname_format: false, ..default_settings("registration") }
    }

    #[test]
    fn only_pleroma_reserves_a_word_in_any_case() {
        let rules = default_settings("registration");
        for dialect in DIALECTS {
            let fault = |nickname| nickname_fault(nickname, &rules, dialect);
            assert_eq!(fault("about"), Some(Fault::NicknameRestricted));
            let other_case = (dialect.restricted_in_any_case).then_some(Fault::NicknameRestricted);
            assert_eq!(fault("About"), other_case, "{dialect}");
            assert_eq!(fault("about2"), None);
        }
    }

    #[test]
    fn a_list_of_ones_own_takes_the_place_of_the_servers() {
        let words = Some(vec!["boss".to_owned()]);
        let rules = RegistrationSettings {
            restricted_nicknames: words,
            ..default_settings("registration")
        };
        let fault = |nickname| nickname_fault(nickname, &rules, case_sensitive());
        assert_eq!(fault("boss"), Some(Fault::NicknameRestricted));
        assert_eq!(fault("about"), None);
    }

    #[test]
    fn foreign_characters_are_refused() {
        let rules = default_settings("registration");
        for nickname in
            ["al!ce", "alice\n", "alice@peer.example", "älice", "a b", "'; drop table users; --"]
        {
            let fault = nickname_fault(nickname, &rules, any_case());
            assert_eq!(fault, Some(Fault::NicknameFormat), "{nickname:?}");
        }
        for nickname in ["", " ", "\t\n"] {
            let fault = nickname_fault(nickname, &rules, any_case());
            assert_eq!(fault, Some(Fault::NicknameMissing), "{nickname:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text: String) {
            for dialect in DIALECTS {
                let _whatever = nickname_fault(&text, &default_settings("registration"), dialect);
                let _whatever = nickname_fault(&text, &strict(), dialect);
            }
        }

        #[test]
        fn letters_and_digits_are_always_allowed(nickname in "[A-Za-z0-9]{1,40}1") {
            for dialect in DIALECTS {
                prop_assert_eq!(nickname_fault(&nickname, &default_settings("registration"), dialect), None);
                prop_assert_eq!(nickname_fault(&nickname, &strict(), dialect), None);
            }
        }

        #[test]
        fn the_extended_format_allows_two_signs_more(
            before in "[A-Za-z0-9]{0,5}", sign in "[_-]", after in "[A-Za-z0-9]{0,5}1"
        ) {
            let nickname = format!("{before}{sign}{after}");
            let fault = |rules: RegistrationSettings| nickname_fault(&nickname, &rules, case_sensitive());
            prop_assert_eq!(fault(default_settings("registration")), None);
            prop_assert_eq!(fault(strict()), Some(Fault::NicknameStrictFormat));
        }

        #[test]
        fn any_other_character_is_refused(
            before in "[a-z]{0,5}", strange in "[^A-Za-z0-9_-]", after in "[a-z]{1,5}"
        ) {
            let nickname = format!("{before}{strange}{after}");
            let fault = nickname_fault(&nickname, &default_settings("registration"), any_case());
            prop_assert_eq!(fault, Some(Fault::NicknameFormat));
        }
    }
}
