//! Nicknames that an account may have (docs/semantics.md 5.2).

use super::{super::Flavour, Fault, Registration};

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
pub fn nickname_fault(nickname: &str, rules: &Registration, flavour: Flavour) -> Option<Fault> {
    let extended = rules.extended_nickname_format;
    let allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || (extended && matches!(byte, b'_' | b'-'));
    if nickname.trim().is_empty() {
        Some(Fault::NicknameMissing)
    } else if !nickname.bytes().all(allowed) {
        Some(if extended { Fault::NicknameFormat } else { Fault::NicknameStrictFormat })
    } else {
        is_restricted(nickname, rules, flavour).then_some(Fault::NicknameRestricted)
    }
}

/// Whether the server reserves a nickname. Only Pleroma ignores case here.
fn is_restricted(nickname: &str, rules: &Registration, flavour: Flavour) -> bool {
    let is_it = |word: &str| match flavour {
        Flavour::Pleroma => word.to_lowercase() == nickname.to_lowercase(),
        Flavour::Akkoma | Flavour::Pleroma22 => word == nickname,
    };
    match &rules.restricted_nicknames {
        Some(words) => words.iter().any(|word| is_it(word)),
        None => RESTRICTED.into_iter().any(is_it),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FLAVOURS: [Flavour; 3] = [Flavour::Pleroma, Flavour::Akkoma, Flavour::Pleroma22];

    fn strict() -> Registration {
        Registration { extended_nickname_format: false, ..Registration::default() }
    }

    #[test]
    fn only_pleroma_reserves_a_word_in_any_case() {
        let rules = Registration::default();
        for flavour in FLAVOURS {
            let fault = |nickname| nickname_fault(nickname, &rules, flavour);
            assert_eq!(fault("about"), Some(Fault::NicknameRestricted));
            let other_case = (flavour == Flavour::Pleroma).then_some(Fault::NicknameRestricted);
            assert_eq!(fault("About"), other_case, "{flavour}");
            assert_eq!(fault("about2"), None);
        }
    }

    #[test]
    fn a_list_of_ones_own_takes_the_place_of_the_servers() {
        let words = Some(vec!["boss".to_owned()]);
        let rules = Registration { restricted_nicknames: words, ..Registration::default() };
        let fault = |nickname| nickname_fault(nickname, &rules, Flavour::Akkoma);
        assert_eq!(fault("boss"), Some(Fault::NicknameRestricted));
        assert_eq!(fault("about"), None);
    }

    #[test]
    fn foreign_characters_are_refused() {
        let rules = Registration::default();
        for nickname in
            ["al!ce", "alice\n", "alice@peer.example", "älice", "a b", "'; drop table users; --"]
        {
            let fault = nickname_fault(nickname, &rules, Flavour::Pleroma);
            assert_eq!(fault, Some(Fault::NicknameFormat), "{nickname:?}");
        }
        for nickname in ["", " ", "\t\n"] {
            let fault = nickname_fault(nickname, &rules, Flavour::Pleroma);
            assert_eq!(fault, Some(Fault::NicknameMissing), "{nickname:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text: String) {
            for flavour in FLAVOURS {
                let _whatever = nickname_fault(&text, &Registration::default(), flavour);
                let _whatever = nickname_fault(&text, &strict(), flavour);
            }
        }

        #[test]
        fn letters_and_digits_are_always_allowed(nickname in "[A-Za-z0-9]{1,40}1") {
            for flavour in FLAVOURS {
                prop_assert_eq!(nickname_fault(&nickname, &Registration::default(), flavour), None);
                prop_assert_eq!(nickname_fault(&nickname, &strict(), flavour), None);
            }
        }

        #[test]
        fn the_extended_format_allows_two_signs_more(
            before in "[A-Za-z0-9]{0,5}", sign in "[_-]", after in "[A-Za-z0-9]{0,5}1"
        ) {
            let nickname = format!("{before}{sign}{after}");
            let fault = |rules: Registration| nickname_fault(&nickname, &rules, Flavour::Akkoma);
            prop_assert_eq!(fault(Registration::default()), None);
            prop_assert_eq!(fault(strict()), Some(Fault::NicknameStrictFormat));
        }

        #[test]
        fn any_other_character_is_refused(
            before in "[a-z]{0,5}", strange in "[^A-Za-z0-9_-]", after in "[a-z]{1,5}"
        ) {
            let nickname = format!("{before}{strange}{after}");
            let fault = nickname_fault(&nickname, &Registration::default(), Flavour::Pleroma);
            prop_assert_eq!(fault, Some(Fault::NicknameFormat));
        }
    }
}
