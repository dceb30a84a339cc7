//! Destinations of a batch of activities (docs/semantics.md 2.4.4 and 2.4.5).

use crate::dialect_sql;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use sqlx::{FromRow, PgConnection};
use url::Url;
use uuid::Uuid;

use super::{
    super::{Actor, FederationSettings, Quarantine, Server, Unreachable, as_public},
    Outgoing,
};

/// Inboxes of an account of another server.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub(super) struct InboxPair {
    inbox: String,
    shared_inbox: Option<String>,
}

/// Recipients of an activity, as far as they matter here.
#[derive(Debug, Clone, Copy, FromRow)]
struct Addressed {
    id: Uuid,
    to_followers: bool,
    public: bool,
    /// Whether one delivery per server is enough.
    shared: bool,
}

/// Recipients of a batch of activities.
#[derive(Debug, Default)]
pub(super) struct RecipientIndex {
    addressed: HashMap<Uuid, Addressed>,
    /// Inboxes of followers on other servers.
    followers: Arc<[InboxPair]>,
    /// Inboxes of accounts that an activity addresses by name.
    named: HashMap<Uuid, Vec<InboxPair>>,
    /// Inboxes of accounts that fetched an object, by its row.
    fetchers: HashMap<i64, Vec<InboxPair>>,
    /// Hosts that did not answer lately, and since when; `None` for longer than the time-out.
    unreachable: HashMap<String, Option<String>>,
}

impl InboxPair {
    pub(super) fn shared(&self) -> &str {
        self.shared_inbox.as_deref().filter(|inbox| !inbox.is_empty()).unwrap_or(&self.inbox)
    }
}

impl RecipientIndex {
    pub(super) async fn read(
        db: &mut PgConnection,
        server: &Server,
        actor: &Actor,
        outgoing: &[Outgoing],
    ) -> sqlx::Result<Self> {
        let activities: Vec<Uuid> = outgoing.iter().map(|activity| activity.id.0).collect();
        let followers_address = followers_address(db, actor).await?;
        let addressed = addressed(db, &activities, &followers_address).await?;
        let followers = if addressed.values().any(|addressed| addressed.to_followers) {
            server.follower_inboxes.of(db, server, actor).await?
        } else {
            Arc::default()
        };
        let rows: Vec<i64> =
            outgoing.iter().filter_map(|activity| activity.deleted_object).collect();
        let mut directory = Self {
            named: named(db, server, &activities).await?,
            fetchers: fetchers(db, &rows).await?,
            followers,
            addressed,
            ..Self::default()
        };
        directory.unreachable = unreachable(db, server, &directory.hosts()).await?;
        Ok(directory)
    }

    fn mailboxes(&self) -> impl Iterator<Item = &InboxPair> {
        let others = self.named.values().chain(self.fetchers.values());
        self.followers.iter().chain(others.flatten())
    }

    fn hosts(&self) -> Vec<String> {
        let inboxes = self.mailboxes().flat_map(|mailbox| [mailbox.shared(), &mailbox.inbox]);
        inboxes.filter_map(host).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Inboxes of an activity, each with whether an account there is addressed by name.
    pub(super) fn inboxes(
        &self,
        activity: &Outgoing,
        federation: &FederationSettings,
        quarantine: Quarantine,
    ) -> BTreeMap<String, bool> {
        let Some(addressed) = self.addressed.get(&activity.id.0) else { return BTreeMap::new() };
        let followers = self.followers.iter().filter(|_| addressed.to_followers);
        let fetchers = activity.deleted_object.and_then(|row| self.fetchers.get(&row));
        let named = self.named.get(&activity.id.0).into_iter().flatten();
        let all = followers
            .chain(fetchers.into_iter().flatten())
            .map(|mailbox| (mailbox, false))
            .chain(named.map(|mailbox| (mailbox, true)));
        let mut inboxes = BTreeMap::new();
        for (mailbox, mentioned) in all {
            let inbox = if addressed.shared { mailbox.shared() } else { &mailbox.inbox };
            let excluded = |host: &str| match quarantine {
                Quarantine::PublicOnly => {
                    !addressed.public && matches_any(host, &federation.quarantined_instances)
                }
                Quarantine::Nothing => federation.is_refused(host),
            };
            if host(inbox).is_some_and(|host| !self.is_given_up(&host) && !excluded(&host)) {
                *inboxes.entry(inbox.to_owned()).or_default() |= mentioned;
            }
        }
        inboxes
    }

    fn is_given_up(&self, host: &str) -> bool {
        self.unreachable.get(host).is_some_and(Option::is_none)
    }

    pub(super) fn unreachable_since(&self, inbox: &str) -> Option<&str> {
        self.unreachable.get(&host(inbox)?)?.as_deref()
    }
}

impl FederationSettings {
    /// Whether a host gets nothing at all, not even public activities.
    fn is_refused(&self, host: &str) -> bool {
        matches_any(host, &self.quarantined_instances)
            || matches_any(host, &self.rejected_instances)
            || !self.accepted_instances.is_empty() && !matches_any(host, &self.accepted_instances)
    }
}

/// Whether a host is in a list, by itself or by a pattern `*.host`.
fn matches_any(host: &str, list: &[String]) -> bool {
    list.iter().any(|entry| match entry.strip_prefix("*.") {
        Some(parent) => {
            host == parent || host.strip_suffix(parent).is_some_and(|sub| sub.ends_with('.'))
        }
        None => host == entry,
    })
}

fn host(inbox: &str) -> Option<String> {
    Url::parse(inbox).ok()?.host_str().map(str::to_lowercase)
}

/// Address of the collection of an account's followers.
pub async fn followers_address(db: &mut PgConnection, actor: &Actor) -> sqlx::Result<String> {
    let address: Option<String> =
        sqlx::query_scalar("select follower_address from public.users where id = $1")
            .bind(actor.id)
            .fetch_one(db)
            .await?;
    Ok(address.unwrap_or_else(|| format!("{}/followers", actor.ap_id)))
}

pub(super) async fn followers(
    db: &mut PgConnection,
    server: &Server,
    actor: &Actor,
) -> sqlx::Result<Vec<InboxPair>> {
    let sql = dialect_sql!(
        server,
        "select distinct followers.inbox, followers.shared_inbox
             from (select true as ap_enabled) as absent,
                  lateral (select u.inbox, u.shared_inbox
                           from public.following_relationships r
                           join public.users u on u.id = r.follower_id
                           where r.following_id = $1 and r.state = 2 and not u.local and u.is_active
                             and u.inbox is not null and ap_enabled) as followers"
    );
    sqlx::query_as(sql).bind(actor.id).fetch_all(db).await
}

/// Recipients of new activities. Their lists stay in the database: other servers may have made them
/// arbitrarily long.
async fn addressed(
    db: &mut PgConnection,
    activities: &[Uuid],
    followers_address: &str,
) -> sqlx::Result<HashMap<Uuid, Addressed>> {
    let rows: Vec<Addressed> = sqlx::query_as(
        "select id, ($2 = any (recipients)) is true as to_followers,
                ($3 = any (recipients)) is true as public,
                (data ->> 'type' = 'Delete' or $3 = any (recipients) or cardinality(recipients) > 1)
                    is true as shared
         from public.activities where id = any ($1)",
    )
    .bind(activities)
    .bind(followers_address)
    .bind(as_public())
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|addressed| (addressed.id, addressed)).collect())
}

async fn named(
    db: &mut PgConnection,
    server: &Server,
    activities: &[Uuid],
) -> sqlx::Result<HashMap<Uuid, Vec<InboxPair>>> {
    let sql = dialect_sql!(
        server,
        "select distinct a.id, u.inbox, u.shared_inbox
             from (select true as ap_enabled) as absent, public.activities a,
                  unnest(a.recipients) as address,
                  lateral (select inbox, shared_inbox from public.users
                           where ap_id = address and not local and is_active
                             and inbox is not null and ap_enabled offset 0) as u
             where a.id = any ($1)"
    );
    let rows: Vec<(Uuid, String, Option<String>)> =
        sqlx::query_as(sql).bind(activities).fetch_all(db).await?;
    let mut named: HashMap<Uuid, Vec<InboxPair>> = HashMap::new();
    for (activity, inbox, shared_inbox) in rows {
        named.entry(activity).or_default().push(InboxPair { inbox, shared_inbox });
    }
    Ok(named)
}

/// Deletes the records of who fetched objects, and returns the inboxes of these accounts.
async fn fetchers(
    db: &mut PgConnection,
    objects: &[i64],
) -> sqlx::Result<HashMap<i64, Vec<InboxPair>>> {
    let mut fetchers: HashMap<i64, Vec<InboxPair>> = HashMap::new();
    if objects.is_empty() {
        return Ok(fetchers);
    }
    let rows: Vec<(i64, String, Option<String>)> = sqlx::query_as(
        "with forgotten as (
             delete from public.deliveries where object_id = any ($1::bigint[])
             returning object_id, user_id
         )
         select fetchers.*
         from (select true as ap_enabled) as absent,
              lateral (select f.object_id::bigint, u.inbox, u.shared_inbox
                       from forgotten f
                       join public.users u on u.id = f.user_id
                       where not u.local and u.inbox is not null and ap_enabled
                       order by u.id) as fetchers",
    )
    .bind(objects)
    .fetch_all(db)
    .await?;
    for (object, inbox, shared_inbox) in rows {
        fetchers.entry(object).or_default().push(InboxPair { inbox, shared_inbox });
    }
    Ok(fetchers)
}

/// Unreachable hosts, and since when; `None` for those that get no deliveries.
async fn unreachable(
    db: &mut PgConnection,
    server: &Server,
    hosts: &[String],
) -> sqlx::Result<HashMap<String, Option<String>>> {
    let timeout = match server.dialect.unreachable {
        Unreachable::AfterTimeout => server.federation.reachability_timeout,
        Unreachable::Immediately => Duration::ZERO,
    };
    let rows: Vec<(String, Option<String>)> = sqlx::query_as(
        "select host, case when unreachable_since >= timezone('UTC', now()) - make_interval(secs => $2)
                           then to_json(unreachable_since) #>> '{}' end
         from public.instances where host = any ($1) and unreachable_since is not null",
    )
    .bind(hosts)
    .bind(timeout.as_secs_f64())
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use testkit::default_settings;

    use super::*;
    use crate::Flake;

    const TO_FOLLOWERS: Addressed =
        Addressed { id: ID, to_followers: true, public: false, shared: true };

    fn mailbox(inbox: &str, shared: Option<&str>) -> InboxPair {
        InboxPair { inbox: inbox.to_owned(), shared_inbox: shared.map(str::to_owned) }
    }

    const ID: Uuid = Uuid::from_u128(7);

    fn activity() -> Outgoing {
        Outgoing { id: Flake(ID), ap_id: String::new(), deleted_object: Some(4), undone: None }
    }

    /// Index for an activity that is addressed in this way.
    fn directory(addressed: Addressed) -> RecipientIndex {
        let carl =
            mailbox("https://far.example/users/carl/inbox", Some("https://far.example/inbox"));
        RecipientIndex {
            addressed: [(ID, addressed)].into(),
            followers: vec![
                carl,
                mailbox("https://far.example/users/cleo/inbox", Some("https://far.example/inbox")),
                mailbox("https://old.example/users/otto/inbox", None),
                mailbox("https://gone.example/users/gil/inbox", Some("")),
            ]
            .into(),
            named: HashMap::new(),
            fetchers: [(4, vec![mailbox("https://reader.example/inbox", None)])].into(),
            unreachable: [
                ("gone.example".to_owned(), None),
                ("old.example".to_owned(), Some("2026-01-01T00:00:00".to_owned())),
            ]
            .into(),
        }
    }

    #[test]
    fn a_delete_goes_once_to_each_reachable_server_of_followers_and_readers() {
        let inboxes = directory(TO_FOLLOWERS).inboxes(
            &activity(),
            &default_settings("federation"),
            Quarantine::PublicOnly,
        );
        let expected = [
            ("https://far.example/inbox", false),
            ("https://old.example/users/otto/inbox", false),
            ("https://reader.example/inbox", false),
        ];
        assert_eq!(inboxes, expected.map(|(inbox, named)| (inbox.to_owned(), named)).into());
    }

    #[test]
    fn a_quarantined_host_gets_public_activities_only() {
        let federation = FederationSettings {
            quarantined_instances: vec!["*.example".to_owned()],
            ..default_settings("federation")
        };
        let inboxes = |addressed, quarantine| {
            directory(addressed).inboxes(&activity(), &federation, quarantine)
        };
        assert!(inboxes(TO_FOLLOWERS, Quarantine::PublicOnly).is_empty());
        let public = Addressed { public: true, ..TO_FOLLOWERS };
        assert_eq!(inboxes(public, Quarantine::PublicOnly).len(), 3);
        assert!(inboxes(public, Quarantine::Nothing).is_empty());
        assert!(!matches_any("notexample", &federation.quarantined_instances));
    }

    #[test]
    fn a_host_that_is_rejected_or_not_accepted_gets_nothing() {
        let public = directory(Addressed { public: true, ..TO_FOLLOWERS });
        let inboxes = |federation: &FederationSettings, quarantine| {
            public.inboxes(&activity(), federation, quarantine).into_keys().collect::<Vec<_>>()
        };
        let rejected = FederationSettings {
            rejected_instances: vec!["far.example".to_owned()],
            ..default_settings("federation")
        };
        let rest = ["https://old.example/users/otto/inbox", "https://reader.example/inbox"];
        assert_eq!(inboxes(&rejected, Quarantine::Nothing), rest);
        assert_eq!(inboxes(&rejected, Quarantine::PublicOnly).len(), 3);
        let accepted = FederationSettings {
            accepted_instances: vec!["far.example".to_owned()],
            ..default_settings("federation")
        };
        assert_eq!(inboxes(&accepted, Quarantine::Nothing), ["https://far.example/inbox"]);
        assert_eq!(inboxes(&accepted, Quarantine::PublicOnly).len(), 3);
    }

    #[test]
    fn an_undo_for_one_person_goes_to_that_inbox() {
        let undo = Outgoing { deleted_object: None, ..activity() };
        let addressed = Addressed { id: ID, to_followers: false, public: false, shared: false };
        let mut directory = directory(addressed);
        let carl =
            mailbox("https://far.example/users/carl/inbox", Some("https://far.example/inbox"));
        directory.named = [(ID, vec![carl])].into();
        let inboxes =
            directory.inboxes(&undo, &default_settings("federation"), Quarantine::PublicOnly);
        let expected = [("https://far.example/users/carl/inbox".to_owned(), true)];
        assert_eq!(inboxes, expected.into());
    }
}
