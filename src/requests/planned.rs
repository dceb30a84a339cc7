//! Jobs with their plans.

use ostrakon_engine::PlanSummary;
use ostrakon_jobs::{
    AnyJob,
    deactivate_instance::{HostFigures, HostPlan},
};
use ostrakon_server::Server;

use crate::{failure::Failure, session::Session};

/// A job with its plan.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    /// The job.
    pub(crate) job: AnyJob,
    /// What it would touch.
    pub(crate) plan: PlanSummary,
    /// Lines of the original that become true when it is done.
    pub(crate) done: Vec<String>,
    /// Message that the job's subject is unknown here, if it is.
    pub(crate) unknown: Option<String>,
    /// What a list says about the job's subject, for the record.
    pub(crate) comment: Option<String>,
    /// What a host's accounts are to our people; none for other subjects.
    pub(crate) figures: Option<HostFigures>,
}

impl Planned {
    /// A job about a host of a list, with what the list says about it.
    pub(crate) fn of_host(
        job: AnyJob,
        HostPlan { plan, unknown, figures }: HostPlan,
        comment: Option<String>,
        done: Vec<String>,
    ) -> Self {
        Self { job, plan, done, unknown, comment, figures: Some(figures) }
    }

    /// Combines the reason that the operator gives with what a list says about the subject.
    pub(crate) fn reason(&self, given: Option<&str>) -> Option<String> {
        match (given, self.comment.as_deref()) {
            (Some(given), Some(comment)) => Some(format!("{given}: {comment}")),
            (given, comment) => given.or(comment).map(str::to_owned),
        }
    }
}

/// Plans a job; changes nothing.
pub(crate) async fn plan(
    session: &Session,
    server: &Server,
    job: AnyJob,
    done: Vec<String>,
) -> Result<Planned, Failure> {
    let mut db = session.pool.acquire().await?;
    let plan = job.plan(&mut db, server).await?;
    Ok(Planned { job, plan, done, unknown: None, comment: None, figures: None })
}
