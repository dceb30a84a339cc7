//! Plans for many hosts with a few passes over all accounts, instead of several passes for each
//! host.

use std::collections::HashSet;

use serde_json::Value;
use sqlx::PgConnection;

use super::{
    ClaimState, DeactivateInstance, HostFigures, below_note,
    figures::{Counted, Listed, count},
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
    let counted = count(db, server, jobs.len(), &listed).await?;
    let mut plans: Vec<HostPlan> =
        jobs.iter().zip(&counted).map(|(job, counted)| plan(server, job, counted)).collect();
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

fn plan(server: &Server, job: &DeactivateInstance, counted: &Counted) -> HostPlan {
    let Counted { figures, active, ended, reloads, followed } = *counted;
    let HostFigures { accounts, subdomain_accounts: below, .. } = figures;
    let note = (below > 0).then(|| below_note(job.host.as_str(), below));
    let counts = DeactivateInstance::counts(server, [active, ended, followed, reloads]);
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
