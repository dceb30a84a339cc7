//! Plans for many hosts with a few passes over all accounts, instead of several passes for each
//! host.

use std::collections::HashSet;

use serde_json::Value;
use sqlx::PgConnection;

use super::{
    ClaimState, DeactivateInstance, HostFigures, below_note,
    figures::{Covered, Known, Listed, add_relations},
    sql, unknown_note,
};
use ostrakon_engine::{Job as _, JobError, PlanSummary};
use ostrakon_server::Server;

/// Plan of one host in a list.
#[derive(Debug)]
pub struct HostPlan {
    /// Counts and notes, as the host's own plan would have them.
    pub plan: PlanSummary,
    /// Note that no account of the host is known, if so.
    pub unknown: Option<String>,
    /// What its accounts are to this server's people.
    pub figures: HostFigures,
}

/// What a run would deal with.
#[derive(Debug, Clone, Copy, Default)]
struct Work {
    /// Active accounts.
    active: i64,
    /// Relations of its accounts to active local accounts.
    relations: i64,
    /// Active accounts that have such relations.
    read_anew: i64,
    /// Relations of local accounts to its accounts.
    followed: i64,
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
    let listed = Listed::of(jobs.iter().map(|job| (&job.host, job.include_subdomains)));
    let mut work = vec![Work::default(); jobs.len()];
    let mut figures = vec![HostFigures::default(); jobs.len()];
    let accounts: Vec<(String, i64, i64)> =
        sqlx::query_as(sql::accounts_by_host(server)).fetch_all(&mut *db).await?;
    let mut known = Known::default();
    for (host, active, all) in &accounts {
        for Covered { position, below } in listed.covering(host) {
            if below {
                add(&mut figures, position, |figures| figures.subdomain_accounts += all);
            } else {
                add(&mut work, position, |work| work.active += active);
                add(&mut figures, position, |figures| figures.accounts += all);
                known.push(host, position);
            }
        }
    }
    add_relations(db, server, &known, &mut figures).await?;
    let relations: Vec<(String, i64, i64)> = sqlx::query_as(sql::relations_by_host(server))
        .bind(server.dialect.repeats_deactivation)
        .fetch_all(&mut *db)
        .await?;
    for (host, relations, read_anew) in relations {
        for Covered { position, .. } in listed.covering(&host).filter(|covered| !covered.below) {
            add(&mut work, position, |work| {
                work.relations += relations;
                work.read_anew += read_anew;
            });
        }
    }
    let followed: Vec<(String, i64)> = sqlx::query_as(sql::followed_by_host(server))
        .bind(server.dialect.counts_inactive_followers)
        .fetch_all(&mut *db)
        .await?;
    for (host, followed) in followed {
        for Covered { position, .. } in listed.covering(&host).filter(|covered| !covered.below) {
            add(&mut work, position, |work| work.followed += followed);
        }
    }
    let found = work.iter().zip(&figures);
    let mut plans: Vec<HostPlan> = jobs
        .iter()
        .zip(found)
        .map(|(job, (work, figures))| plan(server, job, work, *figures))
        .collect();
    let noted = noted(db).await?;
    for (job, planned) in jobs.iter().zip(&mut plans) {
        if noted.contains(&job.instance()) {
            let plan = job.plan(db, server, &mut ClaimState::default()).await?.summary();
            planned.plan = plan.map_err(|error| JobError::Fail(error.into()))?;
        }
    }
    Ok(plans)
}

/// Changes what is at a position of the list.
fn add<T>(list: &mut [T], position: usize, change: impl FnOnce(&mut T)) {
    list.get_mut(position).map(change);
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

fn plan(server: &Server, job: &DeactivateInstance, work: &Work, figures: HostFigures) -> HostPlan {
    let Work { active, relations, read_anew, followed } = *work;
    let HostFigures { accounts, subdomain_accounts: below, .. } = figures;
    let note = (below > 0).then(|| below_note(job.host.as_str(), below));
    let counts = DeactivateInstance::counts(server, [active, relations, followed, read_anew]);
    let plan = PlanSummary {
        total: counts.iter().map(|count| count.items).sum(),
        counts,
        notes: note.into_iter().collect(),
        // The worker that claims the run plans it again.
        cursor: Value::Null,
    };
    let unknown = (accounts == 0).then(|| unknown_note(&job.host, below));
    HostPlan { plan, unknown, figures }
}
