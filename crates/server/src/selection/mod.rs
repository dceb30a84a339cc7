//! Accounts that match selectors, such as the date of their creation (docs/semantics.md 13).

mod change;
mod names;

use std::fmt::Write as _;

use chrono::{DateTime, NaiveDateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::{Server, dialect::LastUse, dialect_sql};
pub use change::no_longer_matching;
pub use names::{AccountName, find_named};

/// Conditions on accounts; all that are set must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Selectors {
    /// Only accounts of this server, or only those of others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local: Option<bool>,
    /// Hosts of the nicknames, in ASCII.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// Whether the sub-domains of hosts and of domains of e-mail addresses are included.
    #[serde(skip_serializing_if = "is_false")]
    pub include_subdomains: bool,
    /// Created at this time or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_from: Option<DateTime<Utc>>,
    /// Created before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_before: Option<DateTime<Utc>>,
    /// Domains of e-mail addresses, in ASCII; only of local accounts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub email_domains: Vec<String>,
    /// The e-mail address of a local account is not confirmed.
    #[serde(skip_serializing_if = "is_false")]
    pub unconfirmed: bool,
    /// A local account still waits for approval.
    #[serde(skip_serializing_if = "is_false")]
    pub unapproved: bool,
    /// No post is known, counted or remembered.
    #[serde(skip_serializing_if = "is_false")]
    pub never_posted: bool,
    /// No follower is known or counted.
    #[serde(skip_serializing_if = "is_false")]
    pub no_followers: bool,
    /// Neither used nor posting since this time, nor created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inactive_since: Option<DateTime<Utc>>,
    /// Patterns of nicknames, with `*` and `?`, in any case. One without an `@` is compared with
    /// the part before it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nicknames: Vec<String>,
    /// Text in the bio, in any case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bio_has: Option<String>,
    /// Text in the reason that a local account gave when it registered, in any case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason_has: Option<String>,
    /// Text in a post or its subject, in any case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post_has: Option<String>,
    /// No local account follows it.
    #[serde(skip_serializing_if = "is_false")]
    pub exclude_followed: bool,
    /// Named in a file.
    #[serde(skip_serializing_if = "is_false")]
    pub from_file: bool,
    /// Only these accounts: not stored, since the list of a selection has them.
    #[serde(skip)]
    pub ids: Option<Vec<Uuid>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// Account that matches.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct SelectedAccount {
    /// Row id of the account.
    pub id: Uuid,
    /// Nickname as stored.
    pub nickname: String,
    /// ActivityPub id.
    pub ap_id: String,
    /// Whether it is an account of this server.
    pub local: bool,
    /// Whether it is an admin or moderator.
    pub staff: bool,
    /// Whether it may log in and act.
    pub active: bool,
    /// Whether its e-mail address is confirmed.
    pub confirmed: bool,
    /// Whether staff have approved it.
    pub approved: bool,
    /// Posts, by the server's counter.
    pub posts: i32,
    /// Followers, by the server's counter.
    pub followers: i32,
    /// Time at which its row was created.
    pub created_at: DateTime<Utc>,
}

/// Accounts that match, without staff.
#[derive(Debug, Clone, Default)]
pub struct Selected {
    /// The accounts in the order of their nicknames.
    pub accounts: Vec<SelectedAccount>,
    /// Number of admins and moderators that match too, and are left out.
    pub staff: i64,
}

impl Selected {
    /// Number of selected accounts of this server.
    pub fn local(&self) -> i64 {
        let local = self.accounts.iter().filter(|account| account.local).count();
        i64::try_from(local).unwrap_or(i64::MAX)
    }

    /// Digest of the accounts: the same for the same accounts.
    pub fn digest(&self) -> String {
        digest(self.accounts.iter().map(|account| account.id))
    }
}

/// SHA-256 of ids, in any order, as hexadecimal text.
pub fn digest(ids: impl IntoIterator<Item = Uuid>) -> String {
    let mut ids: Vec<Uuid> = ids.into_iter().collect();
    ids.sort_unstable();
    let mut hash = Sha256::new();
    for id in ids {
        hash.update(id.as_bytes());
    }
    let mut text = String::new();
    for byte in hash.finalize() {
        let _infallible = write!(text, "{byte:02x}");
    }
    text
}

/// Reason why a server cannot answer a selector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CannotSelect {
    /// It stores no time of the last use.
    #[error("{0} does not store when an account was last used, so it cannot say who is inactive")]
    LastUse(&'static str),
    /// It stores that time for its own accounts only.
    #[error(
        "{0} does not store when a remote account last posted, so it cannot say which of them are \
         inactive; local accounts can be selected by it, with --local"
    )]
    LastPost(&'static str),
}

impl Selectors {
    /// Whether no condition is set, so that every account would match.
    pub fn is_empty(&self) -> bool {
        *self == Self { include_subdomains: self.include_subdomains, ..Self::default() }
    }

    /// Checks that the server stores what the selectors ask for.
    ///
    /// # Errors
    /// [`CannotSelect`], if it does not.
    pub fn check(&self, server: &Server) -> Result<(), CannotSelect> {
        let title = server.dialect.title;
        match server.dialect.last_use {
            _ if self.inactive_since.is_none() => Ok(()),
            LastUse::OfAll => Ok(()),
            LastUse::OfLocal if self.local == Some(true) => Ok(()),
            LastUse::OfLocal => Err(CannotSelect::LastPost(title)),
            LastUse::NotStored => Err(CannotSelect::LastUse(title)),
        }
    }
}

/// Finds the accounts that match, except staff; reads only.
pub async fn select_accounts(
    db: &mut PgConnection,
    server: &Server,
    selectors: &Selectors,
) -> sqlx::Result<Selected> {
    let mut accounts = matching_accounts(db, server, selectors).await?;
    let all = accounts.len();
    accounts.retain(|account| !account.staff);
    let staff = i64::try_from(all - accounts.len()).unwrap_or(i64::MAX);
    Ok(Selected { accounts, staff })
}

/// Finds the accounts that match, staff included; reads only.
pub async fn matching_accounts(
    db: &mut PgConnection,
    server: &Server,
    selectors: &Selectors,
) -> sqlx::Result<Vec<SelectedAccount>> {
    let (whole, before_at): (Vec<&String>, Vec<&String>) =
        selectors.nicknames.iter().partition(|pattern| pattern.contains('@'));
    let patterns = |globs: Vec<&String>| -> Vec<String> {
        globs.into_iter().map(|glob| like_pattern(glob)).collect()
    };
    let (hosts, below_hosts) = domains(&selectors.hosts, selectors.include_subdomains);
    let (mails, below_mails) = domains(&selectors.email_domains, selectors.include_subdomains);
    let has_nicknames = !selectors.nicknames.is_empty();
    let sql = dialect_sql!(server, include_str!("select.sql"));
    sqlx::query_as(sql)
        .bind(selectors.local)
        .bind(naive(selectors.created_from))
        .bind(naive(selectors.created_before))
        .bind(selectors.unconfirmed)
        .bind(selectors.unapproved)
        .bind(selectors.never_posted)
        .bind(selectors.no_followers)
        .bind(naive(selectors.inactive_since))
        .bind(has_nicknames.then(|| patterns(before_at)))
        .bind(has_nicknames.then(|| patterns(whole)))
        .bind(hosts)
        .bind(below_hosts)
        .bind(mails)
        .bind(below_mails)
        .bind(selectors.bio_has.as_deref().map(in_html))
        .bind(selectors.reason_has.as_deref())
        .bind(selectors.ids.as_deref())
        .bind(selectors.exclude_followed)
        .bind(selectors.post_has.as_deref().map(in_html))
        .fetch_all(db)
        .await
}

/// Number of accounts of this server, without its own service accounts: what a share of them is
/// measured by.
pub async fn count_local_accounts(db: &mut PgConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "select count(*) from public.users
         where local and not invisible and nickname is not null
           and nickname::text not like 'internal.%'",
    )
    .fetch_one(db)
    .await
}

/// The server stores UTC without saying so.
fn naive(at: Option<DateTime<Utc>>) -> Option<NaiveDateTime> {
    at.map(|at| at.naive_utc())
}

/// Names to compare with, in ASCII and in Unicode, and patterns of their sub-domains.
fn domains(names: &[String], include_subdomains: bool) -> (Option<Vec<String>>, Vec<String>) {
    let mut all: Vec<String> = names.to_vec();
    all.extend(names.iter().map(|name| idna::domain_to_unicode(name).0));
    all.sort_unstable();
    all.dedup();
    let below = all.iter().map(|name| format!("%.{}", literal(name)));
    let below = if include_subdomains { below.collect() } else { Vec::new() };
    ((!names.is_empty()).then_some(all), below)
}

/// Pattern of `like` for a glob.
fn like_pattern(glob: &str) -> String {
    literal(glob).replace('*', "%").replace('?', "_")
}

/// Text that a pattern of `like` matches literally.
fn literal(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | '%' | '_') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

/// Spellings of a text in HTML.
fn in_html(text: &str) -> Vec<String> {
    let basic = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let quotes = basic.replace('"', "&quot;").replace('\'', "&#39;");
    let mut spellings = vec![text.to_owned(), basic, quotes];
    spellings.dedup();
    spellings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_glob_but_its_stars_is_a_pattern() {
        for (glob, pattern) in [
            ("pills*", "pills%"),
            ("*a?c", "%a_c"),
            ("50%_off\\", "50\\%\\_off\\\\"),
            ("plain", "plain"),
        ] {
            assert_eq!(like_pattern(glob), pattern);
        }
    }

    #[test]
    fn a_digest_does_not_depend_on_the_order() {
        let [one, two] = [Uuid::from_u128(1), Uuid::from_u128(2)];
        assert_eq!(digest([one, two]), digest([two, one]));
        assert_ne!(digest([one]), digest([two]));
        assert_eq!(digest([one]).len(), 64);
    }

    #[test]
    fn sub_domains_count_only_when_asked_for() {
        let names = ["xn--bcher-kva.example".to_owned()];
        let both = vec!["bücher.example".to_owned(), "xn--bcher-kva.example".to_owned()];
        assert_eq!(domains(&names, false), (Some(both.clone()), vec![]));
        let below: Vec<String> = both.iter().map(|name| format!("%.{name}")).collect();
        assert_eq!(domains(&names, true), (Some(both), below));
        assert_eq!(domains(&[], true), (None, vec![]));
    }

    #[test]
    fn selectors_are_empty_or_read_as_written() {
        let subdomains = Selectors { include_subdomains: true, ..Selectors::default() };
        assert!(Selectors::default().is_empty() && subdomains.is_empty());
        let selectors = Selectors { never_posted: true, from_file: true, ..subdomains };
        assert!(!selectors.is_empty());
        let written = serde_json::to_value(&selectors).unwrap_or_default();
        assert_eq!(serde_json::from_value::<Selectors>(written).ok(), Some(selectors));
    }

    #[test]
    fn text_is_looked_for_as_html_has_it() {
        assert_eq!(in_html("a & \"b\""), ["a & \"b\"", "a &amp; \"b\"", "a &amp; &quot;b&quot;"]);
        assert_eq!(in_html("plain"), ["plain"]);
    }
}
