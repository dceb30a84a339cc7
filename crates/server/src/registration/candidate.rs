//! Validation of new accounts (docs/semantics.md 5.2).

use sqlx::PgConnection;
use unicode_segmentation::UnicodeSegmentation as _;

use crate::nickname_sql;

use super::{
    super::{
        Flake, LocalAddresses, Server,
        email::{is_blacklisted, valid_email},
    },
    Fault, RegistrationSettings,
    nickname::nickname_fault,
};

/// Size of the columns for the name and the addresses, in characters.
const COLUMN: usize = 255;

/// Requested name, address and profile of a new account.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// Nickname of the account.
    pub nickname: &'a str,
    /// E-mail address; may be empty.
    pub email: &'a str,
    /// Display name.
    pub name: &'a str,
    /// Bio.
    pub bio: &'a str,
}

impl Candidate<'_> {
    /// Lists all faults that are known so far.
    pub async fn faults(&self, db: &mut PgConnection, server: &Server) -> sqlx::Result<Vec<Fault>> {
        let rules = &server.registration;
        let mut faults = Vec::new();
        match nickname_fault(self.nickname, rules, server.dialect) {
            Some(fault) => faults.push(fault),
            None if featured_address(&self.profile_address(server)).chars().count() > COLUMN => {
                faults.push(Fault::NicknameLength);
            }
            None => faults.extend(self.nickname_taken(db, server).await?),
        }
        match email_fault(self.email, rules) {
            Some(fault) => faults.push(fault),
            None => faults.extend(self.email_taken(db).await?),
        }
        faults.extend(name_fault(self.name, rules));
        faults.extend(bio_fault(self.bio, rules));
        Ok(faults)
    }

    /// Address of the profile; on most servers also the ActivityPub id.
    pub(super) fn profile_address(&self, server: &Server) -> String {
        format!("{}/users/{}", server.base_url, self.nickname)
    }

    /// ActivityPub id that the account will have.
    pub(super) fn ap_id(&self, server: &Server, id: Flake) -> String {
        match server.dialect.local_addresses {
            LocalAddresses::ByNickname => self.profile_address(server),
            LocalAddresses::ById => format!("{}/users/by-id/{id}", server.base_url),
        }
    }

    async fn nickname_taken(
        &self,
        db: &mut PgConnection,
        server: &Server,
    ) -> sqlx::Result<Option<Fault>> {
        let sql = nickname_sql!(
            server,
            "select exists (select from public.users where nickname = $1::citext),
                    exists (select from public.users where ap_id = $2)"
        );
        let (nickname, address): (bool, bool) = sqlx::query_as(sql)
            .bind(self.nickname)
            .bind(self.profile_address(server))
            .fetch_one(db)
            .await?;
        Ok(match (nickname, address) {
            (true, _) => Some(Fault::NicknameTaken),
            (false, true) => Some(Fault::AddressTaken),
            (false, false) => None,
        })
    }

    async fn email_taken(&self, db: &mut PgConnection) -> sqlx::Result<Option<Fault>> {
        let taken: bool = sqlx::query_scalar(
            "select exists (select from public.users where email = nullif($1, '')::citext)",
        )
        .bind(self.email)
        .fetch_one(db)
        .await?;
        Ok(taken.then_some(Fault::EmailTaken))
    }
}

/// Address of the collection of pinned posts: the longest of an account's addresses.
pub(super) fn featured_address(ap_id: &str) -> String {
    format!("{ap_id}/collections/featured")
}

fn email_fault(email: &str, rules: &RegistrationSettings) -> Option<Fault> {
    if email.is_empty() {
        rules.account_activation_required.then_some(Fault::EmailMissing)
    } else if !valid_email(email) {
        Some(Fault::EmailFormat)
    } else {
        is_blacklisted(email, &rules.email_blacklist).then_some(Fault::EmailBlacklisted)
    }
}

fn name_fault(name: &str, rules: &RegistrationSettings) -> Option<Fault> {
    let longest = rules.user_name_length;
    if name.trim().is_empty() {
        Some(Fault::NameMissing)
    } else if name.chars().any(char::is_control) {
        Some(Fault::NameControl)
    } else if name.graphemes(true).count() > longest {
        Some(Fault::NameLength(longest))
    } else {
        // A grapheme may consist of many characters, and the column counts characters.
        (name.chars().count() > COLUMN).then_some(Fault::NameLength(COLUMN))
    }
}

fn bio_fault(bio: &str, rules: &RegistrationSettings) -> Option<Fault> {
    let longest = rules.user_bio_length;
    if bio.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        Some(Fault::BioControl)
    } else {
        (bio.graphemes(true).count() > longest).then_some(Fault::BioLength(longest))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use testkit::default_settings;

    use super::*;

    #[test]
    fn lengths_are_counted_as_people_count() {
        let rules = default_settings("registration");
        let family = "👩‍👩‍👧‍👦";
        assert_eq!(name_fault(&"é".repeat(100), &rules), None);
        assert_eq!(name_fault(&"e\u{301}".repeat(100), &rules), None);
        assert_eq!(name_fault(&"é".repeat(101), &rules), Some(Fault::NameLength(100)));
        assert_eq!(name_fault(&family.repeat(36), &rules), None);
        // 37 graphemes of 7 characters each do not fit into the column.
        assert_eq!(name_fault(&family.repeat(37), &rules), Some(Fault::NameLength(255)));
        assert_eq!(bio_fault(&"é".repeat(5000), &rules), None);
        assert_eq!(bio_fault(&"é".repeat(5001), &rules), Some(Fault::BioLength(5000)));
    }

    #[test]
    fn what_cannot_be_seen_is_refused() {
        let rules = default_settings("registration");
        for name in ["", " ", "\u{a0}\u{2003}"] {
            assert_eq!(name_fault(name, &rules), Some(Fault::NameMissing), "{name:?}");
        }
        for name in ["a\nb", "a\u{1b}[2J", "a\u{9b}"] {
            assert_eq!(name_fault(name, &rules), Some(Fault::NameControl), "{name:?}");
        }
        assert_eq!(bio_fault("two\r\n\tlines", &rules), None);
        assert_eq!(bio_fault("a\u{1b}[2J", &rules), Some(Fault::BioControl));
    }

    #[test]
    fn an_address_may_be_missing_unless_it_must_be_confirmed() {
        let mut rules = default_settings("registration");
        assert_eq!(email_fault("", &rules), None);
        rules.account_activation_required = true;
        assert_eq!(email_fault("", &rules), Some(Fault::EmailMissing));
        assert_eq!(email_fault(" ", &rules), Some(Fault::EmailFormat));
        rules.email_blacklist = vec!["spam.example".to_owned()];
        assert_eq!(email_fault("a@x.spam.example", &rules), Some(Fault::EmailBlacklisted));
        assert_eq!(email_fault("a@xspam.example", &rules), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text: String) {
            let rules = default_settings("registration");
            let _whatever = (
                email_fault(&text, &rules),
                name_fault(&text, &rules),
                bio_fault(&text, &rules),
            );
        }
    }
}
