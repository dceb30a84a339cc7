//! Plans for many hosts with a few passes over all accounts, instead of several passes for each
//! host.

use std::collections::{HashMap, HashSet};

use serde_json::Value;
use sqlx::PgConnection;

use super::{ClaimState, DeactivateInstance, below_note, sql, unknown_note};
use ostrakon_engine::{Job as _, JobError, PlanSummary};
use ostrakon_server::Server;

/// Plan of one host in a list.
#[derive(Debug)]
pub struct HostPlan {
    /// Counts and notes, as the host's own plan would have them.
    pub plan: PlanSummary,
    /// Note that no account of the host is known, if so.
    pub unknown: Option<String>,
}

/// Counts of a host's accounts and relations.
#[derive(Debug, Clone, Copy, Default)]
struct Figures {
    /// All accounts.
    all: i64,
    /// Active accounts.
    active: i64,
    /// Relations of its accounts to active local accounts.
    relations: i64,
    /// Active accounts that have such relations.
    read_anew: i64,
    /// Relations of local accounts to its accounts.
    followed: i64,
    /// Accounts of sub-domains, if these are not included.
    below: i64,
}

/// Counts for each job what its own plan would count.
///
/// # Errors
///
/// Refuses the whole list if it would refuse one of the jobs.
pub async fn plan_all(
    db: &mut PgConnection,
    server: &Server,
    jobs: &[DeactivateInstance],
) -> Result<Vec<HostPlan>, JobError> {
    for job in jobs {
        job.refuse_own(server)?;
    }
    let mut hosts = Hosts::of(jobs);
    let accounts: Vec<(String, i64, i64)> =
        sqlx::query_as(sql::accounts_by_host(server)).fetch_all(&mut *db).await?;
    for (host, active, all) in accounts {
        let meant = |figures: &mut Figures| {
            figures.active += active;
            figures.all += all;
        };
        hosts.add(&host, meant, |figures| figures.below += all);
    }
    let relations: Vec<(String, i64, i64)> = sqlx::query_as(sql::relations_by_host(server))
        .bind(server.dialect.repeats_deactivation)
        .fetch_all(&mut *db)
        .await?;
    for (host, relations, read_anew) in relations {
        let meant = |figures: &mut Figures| {
            figures.relations += relations;
            figures.read_anew += read_anew;
        };
        hosts.add(&host, meant, |_| ());
    }
    let followed: Vec<(String, i64)> = sqlx::query_as(sql::followed_by_host(server))
        .bind(server.dialect.counts_inactive_followers)
        .fetch_all(&mut *db)
        .await?;
    for (host, followed) in followed {
        hosts.add(&host, |figures| figures.followed += followed, |_| ());
    }
    let mut plans: Vec<HostPlan> =
        jobs.iter().zip(&hosts.figures).map(|(job, figures)| plan(server, job, figures)).collect();
    let noted = noted(db).await?;
    for (job, planned) in jobs.iter().zip(&mut plans) {
        if noted.contains(&job.instance()) {
            let plan = job.plan(db, server, &mut ClaimState::default()).await?.summary();
            planned.plan = plan.map_err(|error| JobError::Fail(error.into()))?;
        }
    }
    Ok(plans)
}

/// Instances of which an earlier run has left something unfinished: few, if any.
async fn noted(db: &mut PgConnection) -> sqlx::Result<HashSet<String>> {
    let exist: bool = sqlx::query_scalar(sql::NOTES_EXIST).fetch_one(&mut *db).await?;
    if !exist {
        return Ok(HashSet::new());
    }
    let noted: Vec<String> = sqlx::query_scalar(sql::NOTED_INSTANCES).fetch_all(db).await?;
    Ok(noted.into_iter().collect())
}

/// Figures of the jobs, indexed by host name.
struct Hosts {
    figures: Vec<Figures>,
    /// Indexes of jobs by host, in ASCII and in Unicode.
    named: HashMap<String, Vec<usize>>,
    /// Indexes of jobs by the same names, and whether sub-domains are included.
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
            for spelling in HashSet::from([ascii, unicode]) {
                let parents = hosts.parents.entry(spelling.clone()).or_default();
                parents.push((index, job.include_subdomains));
                hosts.named.entry(spelling).or_default().push(index);
            }
        }
        hosts
    }

    /// Adds a host's counts to the figures of every job that is about it, or about a parent domain.
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

fn plan(server: &Server, job: &DeactivateInstance, figures: &Figures) -> HostPlan {
    let Figures { all, active, relations, read_anew, followed, below } = *figures;
    let note = (below > 0).then(|| below_note(job.host.as_str(), below));
    let counts = DeactivateInstance::counts(server, [active, relations, followed, read_anew]);
    let plan = PlanSummary {
        total: counts.iter().map(|count| count.items).sum(),
        counts,
        notes: note.into_iter().collect(),
        // The worker that claims the run plans it again.
        cursor: Value::Null,
    };
    HostPlan { plan, unknown: (all == 0).then(|| unknown_note(&job.host, below)) }
}
