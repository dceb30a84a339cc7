//! Which e-mail addresses an account may have (docs/semantics.md 5.2).

/// Longest address that a mail can be sent to (RFC 5321).
const LONGEST: usize = 254;

/// Longest part of a host name between dots.
const LONGEST_LABEL: usize = 63;

/// Says whether a text is an address in the pattern of `<input type=email>` (WHATWG HTML), which is
/// the server's, and short enough to be one.
pub fn valid_email(text: &str) -> bool {
    text.len() <= LONGEST
        && text.split_once('@').is_some_and(|(name, host)| {
            !name.is_empty() && name.bytes().all(is_of_name) && host.split('.').all(is_label)
        })
}

/// Says whether an address belongs to a domain, or to a sub-domain of one, that nobody may use.
pub fn is_blacklisted(email: &str, blacklist: &[String]) -> bool {
    let host = email.rsplit('@').next().unwrap_or_default().to_lowercase();
    blacklist.iter().any(|domain| {
        let rest = host.strip_suffix(&domain.to_lowercase());
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&byte)
}

fn is_label(label: &str) -> bool {
    (1..=LONGEST_LABEL).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_are_recognised() {
        for text in ["a@b", "alice@peer.example", "a.b+c/d@x-y.example", "!#$%&'*@1.2", "..@x"] {
            assert!(valid_email(text), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "@",
            "alice",
            "alice@",
            "@peer.example",
            "a@b@c",
            "a b@c",
            "alice@peer..example",
            "alice@.example",
            "alice@peer.example.",
            "alice@-peer.example",
            "alice@peer-.example",
            "alice@peer_x.example",
            "alice@[192.0.2.7]",
            "älice@peer.example",
            "alice@pèer.example",
            "alice@peer.example\n",
            "alice\0@peer.example",
            "'; drop table users; --",
        ] {
            assert!(!valid_email(text), "{text:?}");
        }
        let label = "x".repeat(64);
        assert!(!valid_email(&format!("a@{label}")));
        assert!(valid_email(&format!("a@{}", &label[1..])));
        assert!(!valid_email(&format!("{}@b", "a".repeat(253))));
        assert!(valid_email(&format!("{}@b", "a".repeat(252))));
    }

    #[test]
    fn a_blacklisted_domain_covers_its_sub_domains() {
        let blacklist = ["Spam.example".to_owned()];
        for email in ["a@spam.example", "a@SPAM.EXAMPLE", "a@x.spam.example"] {
            assert!(is_blacklisted(email, &blacklist), "{email}");
        }
        for email in ["a@notspam.example", "a@spam.example.org", "spam.example@b", ""] {
            assert!(!is_blacklisted(email, &blacklist), "{email}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text: String) {
            let _either = (valid_email(&text), is_blacklisted(&text, std::slice::from_ref(&text)));
        }

        #[test]
        fn texts_of_the_pattern_are_addresses(
            text in "[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-zA-Z0-9]([a-zA-Z0-9-]{0,20}[a-zA-Z0-9])?(\\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,20}[a-zA-Z0-9])?){0,5}"
        ) {
            prop_assert!(valid_email(&text));
        }

        #[test]
        fn a_foreign_character_is_refused(
            before in "[a-z]{1,5}", strange in "[^a-zA-Z0-9.@-]", after in "[a-z]{1,5}"
        ) {
            let text = format!("alice@{before}{strange}{after}");
            prop_assert!(!valid_email(&text));
        }
    }
}
