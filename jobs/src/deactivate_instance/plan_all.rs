//! Plans for many hosts by two looks at all accounts, instead of several looks for each host.

use std::collections::HashMap;

use serde_json::Value;
use sqlx::PgConnection;

use super::{DeactivateInstance, below_note};
use crate::{
    engine::{Count, JobError, PlanSummary},
    pleroma::{Flavour, Server},
};

/// What a host's accounts come to.
#[derive(Debug, Clone, Copy, Default)]
struct Figures {
    /// Active accounts.
    active: i64,
    /// Their relations to active local accounts.
    relations: i64,
    /// Accounts of sub-domains, when these are not meant.
    below: i64,
}

/// Counts for each job what its own plan would count.
///
/// # Errors
///
/// Refuses the lot if one of them would be refused.
pub async fn plan_all(
    server: &Server,
    db: &mut PgConnection,
    jobs: &[DeactivateInstance],
) -> Result<Vec<PlanSummary>, JobError> {
    for job in jobs {
        job.refuse_own(server)?;
    }
    let mut hosts = Hosts::of(jobs);
    let (accounts, relations) = statements(server.shape.flavour);
    let accounts: Vec<(String, i64, i64)> = sqlx::query_as(accounts).fetch_all(&mut *db).await?;
    for (host, active, all) in accounts {
        hosts.add(&host, |figures| figures.active += active, |figures| figures.below += all);
    }
    let relations: Vec<(String, i64)> = sqlx::query_as(relations).fetch_all(db).await?;
    for (host, relations) in relations {
        hosts.add(&host, |figures| figures.relations += relations, |_| ());
    }
    Ok(jobs.iter().zip(hosts.figures).map(|(job, figures)| summary(job, figures)).collect())
}

/// Accounts and relations by the host of the nickname, as [`super::sql`] has it.
const fn statements(flavour: Flavour) -> (&'static str, &'static str) {
    macro_rules! by_host {
        ($active:literal, $friend_active:literal, $acted_on:literal) => {
            (
                concat!(
                    "select lower(substring(u.nickname::text from '@([^@]+)$')),
                            count(*) filter (where ",
                    $active,
                    "), count(*)
                     from public.users u
                     where u.nickname::text ~ '@[^@]+$'
                     group by 1"
                ),
                concat!(
                    "select lower(substring(u.nickname::text from '@([^@]+)$')), count(*)
                     from public.following_relationships r
                     join public.users friend on friend.id = r.following_id
                     join public.users u on u.id = r.follower_id
                     where r.state = 2 and friend.local and ",
                    $friend_active,
                    " and friend.nickname is not null and friend.nickname not like 'internal.%'
                       and ",
                    $acted_on,
                    " and u.nickname::text ~ '@[^@]+$'
                     group by 1"
                ),
            )
        };
    }
    match flavour {
        Flavour::Pleroma | Flavour::Akkoma => {
            by_host!("u.is_active", "friend.is_active", "u.is_active")
        }
        Flavour::Pleroma22 => by_host!("not u.deactivated", "not friend.deactivated", "true"),
    }
}

/// The figures of the jobs, found by the names of their hosts.
struct Hosts {
    figures: Vec<Figures>,
    /// Jobs by host, in ASCII and in Unicode.
    named: HashMap<String, Vec<usize>>,
    /// Jobs by host in ASCII, and whether sub-domains are meant.
    parents: HashMap<String, Vec<(usize, bool)>>,
}

impl Hosts {
    fn of(jobs: &[DeactivateInstance]) -> Self {
        let mut hosts = Self {
            figures: vec![Figures::default(); jobs.len()],
            named: HashMap::new(),
            parents: HashMap::new(),
        };
        for (index, job) in jobs.iter().enumerate() {
            let (ascii, unicode) = (job.host.as_str().to_owned(), job.host.unicode());
            let parents = hosts.parents.entry(ascii.clone()).or_default();
            parents.push((index, job.include_subdomains));
            if unicode != ascii {
                hosts.named.entry(unicode).or_default().push(index);
            }
            hosts.named.entry(ascii).or_default().push(index);
        }
        hosts
    }

    /// Adds what a host has to the figures of every job that means it, or means one above it.
    fn add(&mut self, host: &str, meant: impl Fn(&mut Figures), below: impl Fn(&mut Figures)) {
        for &index in self.named.get(host).into_iter().flatten() {
            self.figures.get_mut(index).map(&meant);
        }
        for (dot, _) in host.match_indices('.') {
            let parent = host.get(dot + 1..).unwrap_or_default();
            for &(index, subdomains) in self.parents.get(parent).into_iter().flatten() {
                let figures = self.figures.get_mut(index);
                if subdomains {
                    figures.map(&meant)
                } else {
                    figures.map(&below)
                };
            }
        }
    }
}

fn summary(job: &DeactivateInstance, figures: Figures) -> PlanSummary {
    let note = (figures.below > 0).then(|| below_note(job.host.as_str(), figures.below));
    PlanSummary {
        counts: vec![
            Count::new("accounts", figures.active),
            Count::new("follow relations", figures.relations),
        ],
        notes: note.into_iter().collect(),
        total: figures.active + figures.relations,
        // The worker that takes the run up plans it afresh.
        cursor: Value::Null,
    }
}
