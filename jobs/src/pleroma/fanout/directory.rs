//! Where a batch of activities goes (docs/semantics.md 2.4.4 and 2.4.5).

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use sqlx::{FromRow, PgConnection};
use url::Url;

use super::{
    super::{Actor, Federation, Flavour, Server},
    Outgoing,
};

/// Where an account of another server receives activities.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub(super) struct Mailbox {
    inbox: String,
    shared_inbox: Option<String>,
}

/// Everything that decides where a batch of activities goes.
#[derive(Debug, Default)]
pub(super) struct Directory {
    /// The address of the actor's followers.
    followers_address: String,
    /// Where those on other servers receive.
    followers: Vec<Mailbox>,
    /// Where accounts that are addressed by name receive, by ActivityPub id.
    named: HashMap<String, Mailbox>,
    /// Where those receive who fetched an object, by its row.
    readers: HashMap<i64, Vec<Mailbox>>,
    /// Hosts that did not answer lately, and since when; `None`: for too long.
    unreachable: HashMap<String, Option<String>>,
}

impl Mailbox {
    pub(super) fn shared(&self) -> &str {
        self.shared_inbox.as_deref().filter(|inbox| !inbox.is_empty()).unwrap_or(&self.inbox)
    }
}

impl Directory {
    pub(super) async fn read(
        db: &mut PgConnection,
        server: &Server,
        actor: &Actor,
        outgoing: &[Outgoing],
    ) -> sqlx::Result<Self> {
        let followers_address = followers_address(db, actor).await?;
        let addressed: BTreeSet<&str> = outgoing.iter().flat_map(Outgoing::recipients).collect();
        let followers = if addressed.contains(followers_address.as_str()) {
            followers(db, server, actor).await?
        } else {
            Vec::new()
        };
        let rows: Vec<i64> =
            outgoing.iter().filter_map(|activity| activity.deleted_object).collect();
        let mut directory = Self {
            named: named(db, server, &addressed).await?,
            readers: readers(db, &rows).await?,
            followers,
            followers_address,
            ..Self::default()
        };
        directory.unreachable =
            unreachable(db, &directory.hosts(), server.federation.reachability_timeout).await?;
        Ok(directory)
    }

    fn mailboxes(&self) -> impl Iterator<Item = &Mailbox> {
        self.followers.iter().chain(self.named.values()).chain(self.readers.values().flatten())
    }

    fn hosts(&self) -> Vec<String> {
        let inboxes = self.mailboxes().flat_map(|mailbox| [mailbox.shared(), &mailbox.inbox]);
        inboxes.filter_map(host).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The inboxes of an activity, and whether somebody there is addressed by name.
    pub(super) fn inboxes(
        &self,
        activity: &Outgoing,
        federation: &Federation,
    ) -> BTreeMap<String, bool> {
        let shared = activity.goes_to_shared_inboxes();
        let to_followers = activity.recipients().any(|address| address == self.followers_address);
        let followers = self.followers.iter().filter(|_| to_followers);
        let readers = activity.deleted_object.and_then(|row| self.readers.get(&row));
        let named = activity.recipients().filter_map(|address| self.named.get(address));
        let all = followers
            .chain(readers.into_iter().flatten())
            .map(|mailbox| (mailbox, false))
            .chain(named.map(|mailbox| (mailbox, true)));
        let mut inboxes = BTreeMap::new();
        for (mailbox, mentioned) in all {
            let inbox = if shared { mailbox.shared() } else { &mailbox.inbox };
            if self.may_be_told(inbox, activity.is_public(), federation) {
                *inboxes.entry(inbox.to_owned()).or_default() |= mentioned;
            }
        }
        inboxes
    }

    fn may_be_told(&self, inbox: &str, public: bool, federation: &Federation) -> bool {
        host(inbox).is_some_and(|host| {
            let given_up = self.unreachable.get(&host).is_some_and(Option::is_none);
            !given_up && (public || !is_quarantined(&host, &federation.quarantined_instances))
        })
    }

    pub(super) fn unreachable_since(&self, inbox: &str) -> Option<&str> {
        self.unreachable.get(&host(inbox)?)?.as_deref()
    }
}

/// Whether a host is in the list, itself or by a pattern `*.host`.
fn is_quarantined(host: &str, quarantined: &[String]) -> bool {
    quarantined.iter().any(|entry| match entry.strip_prefix("*.") {
        Some(parent) => {
            host == parent || host.strip_suffix(parent).is_some_and(|sub| sub.ends_with('.'))
        }
        None => host == entry,
    })
}

fn host(inbox: &str) -> Option<String> {
    Url::parse(inbox).ok()?.host_str().map(str::to_lowercase)
}

/// The address of an account's followers.
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
) -> sqlx::Result<Vec<Mailbox>> {
    let sql = match server.shape.flavour {
        Flavour::Pleroma22 => {
            "select distinct u.inbox, u.shared_inbox
             from public.following_relationships r
             join public.users u on u.id = r.follower_id
             where r.following_id = $1 and r.state = 2 and not u.local and not u.deactivated
               and u.inbox is not null"
        }
        Flavour::Pleroma | Flavour::Akkoma => {
            "select distinct u.inbox, u.shared_inbox
             from public.following_relationships r
             join public.users u on u.id = r.follower_id
             where r.following_id = $1 and r.state = 2 and not u.local and u.is_active
               and u.inbox is not null"
        }
    };
    sqlx::query_as(sql).bind(actor.id).fetch_all(db).await
}

async fn named(
    db: &mut PgConnection,
    server: &Server,
    addressed: &BTreeSet<&str>,
) -> sqlx::Result<HashMap<String, Mailbox>> {
    let sql = match server.shape.flavour {
        Flavour::Pleroma22 => {
            "select ap_id, inbox, shared_inbox from public.users
             where ap_id = any ($1) and not local and not deactivated and inbox is not null"
        }
        Flavour::Pleroma | Flavour::Akkoma => {
            "select ap_id, inbox, shared_inbox from public.users
             where ap_id = any ($1) and not local and is_active and inbox is not null"
        }
    };
    let rows: Vec<(String, String, Option<String>)> = sqlx::query_as(sql)
        .bind(addressed.iter().copied().collect::<Vec<_>>())
        .fetch_all(db)
        .await?;
    Ok(rows
        .into_iter()
        .map(|(ap_id, inbox, shared_inbox)| (ap_id, Mailbox { inbox, shared_inbox }))
        .collect())
}

/// Takes the readers of objects out of the database.
async fn readers(
    db: &mut PgConnection,
    objects: &[i64],
) -> sqlx::Result<HashMap<i64, Vec<Mailbox>>> {
    let mut readers: HashMap<i64, Vec<Mailbox>> = HashMap::new();
    if objects.is_empty() {
        return Ok(readers);
    }
    let rows: Vec<(i64, String, Option<String>)> = sqlx::query_as(
        "with forgotten as (
             delete from public.deliveries where object_id = any ($1::bigint[]::int[])
             returning object_id, user_id
         )
         select f.object_id::bigint, u.inbox, u.shared_inbox
         from forgotten f
         join public.users u on u.id = f.user_id
         where not u.local and u.inbox is not null
         order by u.id",
    )
    .bind(objects)
    .fetch_all(db)
    .await?;
    for (object, inbox, shared_inbox) in rows {
        readers.entry(object).or_default().push(Mailbox { inbox, shared_inbox });
    }
    Ok(readers)
}

async fn unreachable(
    db: &mut PgConnection,
    hosts: &[String],
    timeout: Duration,
) -> sqlx::Result<HashMap<String, Option<String>>> {
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
    use serde_json::json;

    use super::*;
    use crate::pleroma::{Flake, as_public};

    const FOLLOWERS: &str = "https://peer.example/users/alice/followers";

    fn mailbox(inbox: &str, shared: Option<&str>) -> Mailbox {
        Mailbox { inbox: inbox.to_owned(), shared_inbox: shared.map(str::to_owned) }
    }

    fn activity(kind: &str, to: &[&str]) -> Outgoing {
        Outgoing {
            id: Flake(uuid::Uuid::from_u128(7)),
            data: json!({ "type": kind, "to": to, "cc": [] }),
            deleted_object: Some(4),
            undone: None,
        }
    }

    fn directory() -> Directory {
        let carl =
            mailbox("https://far.example/users/carl/inbox", Some("https://far.example/inbox"));
        Directory {
            followers_address: FOLLOWERS.to_owned(),
            followers: vec![
                carl.clone(),
                mailbox("https://far.example/users/cleo/inbox", Some("https://far.example/inbox")),
                mailbox("https://old.example/users/otto/inbox", None),
                mailbox("https://gone.example/users/gil/inbox", Some("")),
            ],
            named: [("https://far.example/users/carl".to_owned(), carl)].into(),
            readers: [(4, vec![mailbox("https://reader.example/inbox", None)])].into(),
            unreachable: [
                ("gone.example".to_owned(), None),
                ("old.example".to_owned(), Some("2026-01-01T00:00:00".to_owned())),
            ]
            .into(),
        }
    }

    #[test]
    fn a_delete_goes_once_to_each_reachable_server_of_followers_and_readers() {
        let inboxes =
            directory().inboxes(&activity("Delete", &[FOLLOWERS]), &Federation::default());
        let expected = [
            ("https://far.example/inbox", false),
            ("https://old.example/users/otto/inbox", false),
            ("https://reader.example/inbox", false),
        ];
        assert_eq!(inboxes, expected.map(|(inbox, named)| (inbox.to_owned(), named)).into());
    }

    #[test]
    fn a_quarantined_host_gets_public_activities_only() {
        let federation = Federation {
            quarantined_instances: vec!["*.example".to_owned()],
            ..Federation::default()
        };
        let private = activity("Delete", &[FOLLOWERS]);
        assert!(directory().inboxes(&private, &federation).is_empty());
        let public = activity("Delete", &[FOLLOWERS, as_public()]);
        assert_eq!(directory().inboxes(&public, &federation).len(), 3);
        assert!(!is_quarantined("notexample", &federation.quarantined_instances));
    }

    #[test]
    fn an_undo_for_one_person_goes_to_that_inbox() {
        let mut undo = activity("Undo", &["https://far.example/users/carl"]);
        undo.deleted_object = None;
        let inboxes = directory().inboxes(&undo, &Federation::default());
        let expected = [("https://far.example/users/carl/inbox".to_owned(), true)];
        assert_eq!(inboxes, expected.into());
    }
}
