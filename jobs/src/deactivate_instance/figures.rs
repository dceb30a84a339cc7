//! What hosts are to this server's people, for a list of any length.

use std::collections::{HashMap, HashSet};

use serde::Serialize;
use sqlx::PgConnection;

use super::{Host, sql};
use ostrakon_server::Server;

/// What the accounts of a host are to this server's people.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct HostFigures {
    /// Known accounts, active or not.
    pub accounts: i64,
    /// Active local accounts that follow at least one of them.
    pub followers: i64,
    /// Follow relations between them and active local accounts, both ways.
    pub relations: i64,
    /// Known accounts of sub-domains, if these are not included.
    pub subdomain_accounts: i64,
}

/// Counts for each host what [`HostFigures`] has, with a few passes over all accounts.
pub async fn host_figures(
    db: &mut PgConnection,
    server: &Server,
    hosts: &[Host],
    include_subdomains: bool,
) -> sqlx::Result<Vec<HostFigures>> {
    let listed = Listed::of(hosts.iter().map(|host| (host, include_subdomains)));
    let mut figures = vec![HostFigures::default(); hosts.len()];
    let accounts: Vec<(String, i64, i64)> =
        sqlx::query_as(sql::accounts_by_host(server)).fetch_all(&mut *db).await?;
    let mut known = Known::default();
    for (host, _, all) in &accounts {
        for Covered { position, below } in listed.covering(host) {
            let Some(figures) = figures.get_mut(position) else { continue };
            if below {
                figures.subdomain_accounts += all;
            } else {
                figures.accounts += all;
                known.push(host, position);
            }
        }
    }
    add_relations(db, server, &known, &mut figures).await?;
    Ok(figures)
}

/// Names of known hosts, each with the position in the list that it counts for.
#[derive(Default)]
pub(super) struct Known {
    names: Vec<String>,
    positions: Vec<i32>,
}

impl Known {
    pub(super) fn push(&mut self, host: &str, position: usize) {
        if let Ok(position) = i32::try_from(position) {
            self.names.push(host.to_owned());
            self.positions.push(position);
        }
    }
}

/// Adds followers and relations to the figures of each host.
pub(super) async fn add_relations(
    db: &mut PgConnection,
    server: &Server,
    known: &Known,
    figures: &mut [HostFigures],
) -> sqlx::Result<()> {
    let counted: Vec<(i32, i64, i64)> = sqlx::query_as(sql::figures(server))
        .bind(&known.names)
        .bind(&known.positions)
        .fetch_all(db)
        .await?;
    for (position, followers, relations) in counted {
        let position = usize::try_from(position).unwrap_or(usize::MAX);
        if let Some(figures) = figures.get_mut(position) {
            figures.followers = followers;
            figures.relations = relations;
        }
    }
    Ok(())
}

/// Hosts of a list, by the names that accounts may have them under.
pub(super) struct Listed {
    /// Positions in the list by host, in ASCII and in Unicode, and whether sub-domains are included.
    named: HashMap<String, Vec<(usize, bool)>>,
}

/// Position in the list that a host's accounts belong to.
pub(super) struct Covered {
    pub(super) position: usize,
    /// Whether they are of a sub-domain that is not included.
    pub(super) below: bool,
}

impl Listed {
    pub(super) fn of<'a>(hosts: impl Iterator<Item = (&'a Host, bool)>) -> Self {
        let mut named: HashMap<String, Vec<(usize, bool)>> = HashMap::new();
        for (position, (host, subdomains)) in hosts.enumerate() {
            for spelling in HashSet::from([host.as_str().to_owned(), host.unicode()]) {
                named.entry(spelling).or_default().push((position, subdomains));
            }
        }
        Self { named }
    }

    /// Positions of a host and of its parent domains.
    pub(super) fn covering(&self, host: &str) -> impl Iterator<Item = Covered> {
        let itself = self.named.get(host).into_iter().flatten();
        let itself = itself.map(|(position, _)| Covered { position: *position, below: false });
        let parents = host.match_indices('.').filter_map(|(dot, _)| host.get(dot + 1..));
        let above = parents.filter_map(|parent| self.named.get(parent)).flatten();
        itself.chain(
            above.map(|(position, subdomains)| Covered { position: *position, below: !subdomains }),
        )
    }
}
