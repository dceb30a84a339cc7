//! Plans for a list of hosts, with a few passes over all accounts. What else there is of a host is
//! counted when its run begins: for many hosts that would take too long.

use serde_json::Value;
use sqlx::PgConnection;

use super::{PurgeInstance, below_note, sql};
use crate::deactivate_instance::{Host, HostPlan, Listed, host_figures, unknown_note};
use ostrakon_engine::{Count, JobError, PlanSummary};
use ostrakon_server::Server;

/// Finds out which hosts of a list are known, and what their accounts are to this server's people.
/// All jobs are for sub-domains, or none is.
///
/// # Errors
///
/// Refuses the whole list if it would refuse one of the jobs.
pub async fn plan_all(
    db: &mut PgConnection,
    server: &Server,
    jobs: &[PurgeInstance],
) -> Result<Vec<HostPlan>, JobError> {
    for job in jobs {
        job.refuse_own(server)?;
    }
    let hosts: Vec<Host> = jobs.iter().map(|job| job.host.clone()).collect();
    let include_subdomains = jobs.iter().any(|job| job.include_subdomains);
    let mut figures = host_figures(db, server, &hosts, include_subdomains).await?;
    let listed = Listed::of(hosts.iter().map(|host| (host, include_subdomains)));
    let by_address: Vec<(String, i64)> =
        sqlx::query_as(sql::ACCOUNTS_BY_ADDRESS).fetch_all(&mut *db).await?;
    for (host, accounts) in by_address {
        for covered in listed.covering(&host) {
            let Some(figures) = figures.get_mut(covered.position) else { continue };
            if covered.below {
                figures.subdomain_accounts += accounts;
            } else {
                figures.accounts += accounts;
            }
        }
    }
    let plan = |(job, figures): (&PurgeInstance, _)| plan(job, figures);
    Ok(jobs.iter().zip(figures).map(plan).collect())
}

fn plan(job: &PurgeInstance, figures: crate::deactivate_instance::HostFigures) -> HostPlan {
    let (host, below) = (&job.host, figures.subdomain_accounts);
    let mut notes = Vec::new();
    if below > 0 {
        notes.push(below_note(host.as_str(), below));
    }
    notes.push("what else there is of this host is counted when its run begins".to_owned());
    let plan = PlanSummary {
        counts: vec![Count::new("known accounts", figures.accounts)],
        notes,
        total: figures.accounts,
        // The worker that claims the run plans it again.
        cursor: Value::Null,
    };
    let unknown = (figures.accounts == 0).then(|| unknown_note(host, below));
    HostPlan { plan, unknown, figures }
}
