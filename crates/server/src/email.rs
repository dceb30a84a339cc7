//! E-mail addresses that an account may have (docs/semantics.md 4.10 and 5.2).

use sqlx::PgConnection;
use uuid::Uuid;

/// Maximum length of an address to which mail can be sent (RFC 5321), in characters.
const LONGEST: usize = 254;

/// Maximum length of a label of a host name, in characters.
const LONGEST_LABEL: usize = 63;

/// Whether a text matches the pattern of `<input type=email>` (WHATWG HTML), which the server uses,
/// and is short enough for an address.
pub fn valid_email(text: &str) -> bool {
    text.len() <= LONGEST
        && text.split_once('@').is_some_and(|(name, host)| {
            !name.is_empty() && name.bytes().all(is_of_name) && host.split('.').all(is_label)
        })
}

/// Whether an address belongs to a blacklisted domain or one of its sub-domains.
pub fn is_blacklisted(email: &str, blacklist: &[String]) -> bool {
    let host = email.rsplit('@').next().unwrap_or_default().to_lowercase();
    blacklist.iter().any(|domain| {
        let rest = host.strip_suffix(&domain.to_lowercase());
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}

/// Result of a request for another address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmailChange {
    /// The account now has the address.
    Changed,
    /// The account already has the address, in the same spelling.
    Same,
    /// Another account has the address, in any case of letters.
    Taken,
}

/// Gives an account of this server another address. After [`EmailChange::Taken`] the caller may
/// have to roll back the transaction.
pub async fn change_email(
    db: &mut PgConnection,
    account: Uuid,
    email: &str,
) -> sqlx::Result<EmailChange> {
    let written = sqlx::query(
        "update public.users
         set email = $2::text::citext, updated_at = date_trunc('second', timezone('UTC', now()))
         where id = $1 and email::text is distinct from $2",
    )
    .bind(account)
    .bind(email)
    .execute(db)
    .await;
    match written {
        Ok(done) if done.rows_affected() == 0 => Ok(EmailChange::Same),
        Ok(_done) => Ok(EmailChange::Changed),
        // The unique index decides, also for simultaneous requests.
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(EmailChange::Taken),
        Err(error) => Err(error),
    }
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
