//! What has changed about accounts that matched selectors before.

use std::collections::{HashMap, HashSet};

use sqlx::PgConnection;
use uuid::Uuid;

use super::{Selectors, Server, matching_accounts};

/// Reasons why accounts that once matched selectors do so no longer, by account.
pub async fn no_longer_matching(
    db: &mut PgConnection,
    server: &Server,
    selectors: &Selectors,
    accounts: &[Uuid],
) -> sqlx::Result<HashMap<Uuid, String>> {
    let mut reasons: HashMap<Uuid, Vec<&str>> = HashMap::new();
    let mut left: Vec<Uuid> = misses(db, server, selectors, accounts).await?;
    left.sort_unstable();
    if left.is_empty() {
        return Ok(HashMap::new());
    }
    for (one, reason) in selectors.one_by_one() {
        for id in misses(db, server, &one, &left).await? {
            reasons.entry(id).or_default().push(reason);
        }
    }
    let described = |id: Uuid| {
        let reason = reasons.get(&id).map_or_else(
            || "it no longer matches the selectors".to_owned(),
            |reasons| reasons.join(", "),
        );
        (id, reason)
    };
    Ok(left.into_iter().map(described).collect())
}

/// Those of the accounts that do not match.
async fn misses(
    db: &mut PgConnection,
    server: &Server,
    selectors: &Selectors,
    accounts: &[Uuid],
) -> sqlx::Result<Vec<Uuid>> {
    let among = Selectors { ids: Some(accounts.to_vec()), ..selectors.clone() };
    let matching = matching_accounts(db, server, &among).await?;
    let matching: HashSet<Uuid> = matching.into_iter().map(|account| account.id).collect();
    Ok(accounts.iter().copied().filter(|id| !matching.contains(id)).collect())
}

impl Selectors {
    /// Each condition that can stop holding by itself, with what has happened then.
    fn one_by_one(&self) -> Vec<(Self, &'static str)> {
        let none = Self::default;
        let all = [
            (Self { unconfirmed: self.unconfirmed, ..none() }, "its address is confirmed"),
            (Self { unapproved: self.unapproved, ..none() }, "it is approved"),
            (Self { never_posted: self.never_posted, ..none() }, "it has posted"),
            (Self { no_followers: self.no_followers, ..none() }, "it has followers"),
            (
                Self { exclude_followed: self.exclude_followed, ..none() },
                "a local account follows it",
            ),
            (Self { inactive_since: self.inactive_since, ..none() }, "it was used or has posted"),
            (
                Self {
                    email_domains: self.email_domains.clone(),
                    include_subdomains: self.include_subdomains,
                    ..none()
                },
                "its e-mail address is another one",
            ),
            (Self { nicknames: self.nicknames.clone(), ..none() }, "its nickname is another one"),
            (Self { bio_has: self.bio_has.clone(), ..none() }, "its bio is another one"),
            (
                Self { reason_has: self.reason_has.clone(), ..none() },
                "its reason for registering is another one",
            ),
            (Self { post_has: self.post_has.clone(), ..none() }, "it has no such post"),
        ];
        all.into_iter().filter(|(one, _)| !one.is_empty()).collect()
    }
}
