//! What hosts are to this server's people, for a list of any length.

use std::collections::{HashMap, HashSet};

use serde::Serialize;
use sqlx::{Connection as _, FromRow, PgConnection};

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
    let counted = count(db, server, hosts.len(), &listed).await?;
    Ok(counted.into_iter().map(|counted| counted.figures).collect())
}

/// What is counted of a host in a list.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counted {
    pub(super) figures: HostFigures,
    /// Active accounts.
    pub(super) active: i64,
    /// Relations that a run would end.
    pub(super) ended: i64,
    /// Active accounts with such relations.
    pub(super) reloads: i64,
    /// Relations of local accounts to active ones of the host.
    pub(super) followed: i64,
}

/// Relations of a host's accounts.
#[derive(Debug, FromRow)]
struct Found {
    position: i32,
    followers: i64,
    relations: i64,
    followed: i64,
    ended: i64,
    reloads: i64,
}

/// Counts the accounts of each host of a list of some length, and their relations.
pub(super) async fn count(
    db: &mut PgConnection,
    server: &Server,
    length: usize,
    listed: &Listed,
) -> sqlx::Result<Vec<Counted>> {
    // Compiling the statements would take a good part of the time that they take.
    let mut tx = db.begin().await?;
    sqlx::query("set local jit = off").execute(&mut *tx).await?;
    let mut counted = vec![Counted::default(); length];
    let (mut names, mut positions) = (Vec::new(), Vec::new());
    let accounts: Vec<(String, i64, i64)> =
        sqlx::query_as(sql::accounts_by_host(server)).fetch_all(&mut *tx).await?;
    for (host, active, all) in accounts {
        for Covered { position, below } in listed.covering(&host) {
            let Some(counted) = counted.get_mut(position) else { continue };
            if below {
                counted.figures.subdomain_accounts += all;
                continue;
            }
            counted.figures.accounts += all;
            counted.active += active;
            names.push(host.clone());
            positions.push(i32::try_from(position).unwrap_or(i32::MAX));
        }
    }
    let all: Vec<Found> = sqlx::query_as(sql::relations_of_list(server))
        .bind(names)
        .bind(positions)
        .bind(server.dialect.counts_inactive_followers)
        .bind(server.dialect.repeats_deactivation)
        .fetch_all(&mut *tx)
        .await?;
    tx.commit().await?;
    for found in all {
        let position = usize::try_from(found.position).unwrap_or(usize::MAX);
        let Some(counted) = counted.get_mut(position) else { continue };
        let Found { followers, relations, followed, ended, reloads, .. } = found;
        counted.figures = HostFigures { followers, relations, ..counted.figures };
        *counted = Counted { ended, reloads, followed, ..*counted };
    }
    Ok(counted)
}

/// Hosts of a list, by the names that accounts may have them under.
pub(crate) struct Listed {
    /// Positions in the list by host, in ASCII and in Unicode, and whether sub-domains are included.
    named: HashMap<String, Vec<(usize, bool)>>,
}

/// Position in the list that a host's accounts belong to.
pub(crate) struct Covered {
    pub(crate) position: usize,
    /// Whether they are of a sub-domain that is not included.
    pub(crate) below: bool,
}

impl Listed {
    pub(crate) fn of<'a>(hosts: impl Iterator<Item = (&'a Host, bool)>) -> Self {
        let mut named: HashMap<String, Vec<(usize, bool)>> = HashMap::new();
        for (position, (host, subdomains)) in hosts.enumerate() {
            for spelling in HashSet::from([host.as_str().to_owned(), host.unicode()]) {
                named.entry(spelling).or_default().push((position, subdomains));
            }
        }
        Self { named }
    }

    /// Positions of a host and of its parent domains.
    pub(crate) fn covering(&self, host: &str) -> impl Iterator<Item = Covered> {
        let itself = self.named.get(host).into_iter().flatten();
        let itself = itself.map(|(position, _)| Covered { position: *position, below: false });
        let parents = host.match_indices('.').filter_map(|(dot, _)| host.get(dot + 1..));
        let above = parents.filter_map(|parent| self.named.get(parent)).flatten();
        itself.chain(
            above.map(|(position, subdomains)| Covered { position: *position, below: !subdomains }),
        )
    }
}
