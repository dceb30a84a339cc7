//! Commands that make a run for each account: one plan, one question, one group.

use ostrakon_engine::PlanSummary;
use ostrakon_jobs::AnyJob;
use ostrakon_server::{SelectedAccount, Server};
use serde_json::{Value, json};

use super::Chosen;
use crate::{
    cli::{
        Output,
        place::long_jobs_here,
        plan::{end_dry_run, plan_lines},
        submit::RunOptions,
        submit_many,
    },
    failure::Failure,
    numbers::counted,
    requests::Planned,
    session::Session,
};

/// Maximum number of notes before a question.
const NOTES_MAX: usize = 5;

/// Maximum number of refused accounts that are named.
const NAMED_MAX: usize = 20;

/// Job for an account, with the lines that become true when it is done.
pub(in crate::cli) struct AccountJob {
    /// The job; without one, the lines are true already.
    pub(in crate::cli) job: AnyJob,
    /// Whether there is anything to do.
    pub(in crate::cli) is_needed: bool,
    /// Lines of the original.
    pub(in crate::cli) done: Vec<String>,
}

/// Plans the job of each account, asks once, and requests all of them as a group.
pub(in crate::cli) async fn submit_all(
    command: &'static str,
    chosen: &Chosen,
    job: impl Fn(&SelectedAccount) -> AccountJob,
    (session, server): (&Session, &Server),
    asked: &RunOptions,
    output: Output,
) -> Result<(), Failure> {
    let planned = plan_all(chosen, job, session, server).await?;
    if asked.dry_run {
        show(command, chosen, &planned, server, output);
        return Ok(());
    }
    server.require_writable()?;
    session.require_ledger().await?;
    let is_needed = planned.iter().any(|planned| planned.plan.total > 0);
    if asked.yes || !is_needed {
        for line in chosen.lines() {
            output.note(line);
        }
    } else {
        for line in chosen.lines() {
            Output::attention(line);
        }
        Output::attention(format!("{command} will touch:"));
        for line in plan_lines(&submit_many::combine(server, &planned, NOTES_MAX)) {
            Output::attention(line);
        }
        Output::attention(format!("Server: {}.", server.recognised()));
        let question = format!("{command} for {}.", counted(chosen.number(), "accounts"));
        chosen.confirm(&question, session, asked.yes, output)?;
    }
    let inline = long_jobs_here(session, asked, output).await?;
    // Asked already.
    let overridden = chosen.overridden.clone();
    let options = RunOptions { yes: true, inline, queue: !inline, overridden, ..asked.clone() };
    submit_many::submit(session, server, planned, "accounts", &options, output).await
}

/// Shows one plan for all accounts.
fn show(
    command: &'static str,
    chosen: &Chosen,
    planned: &[Planned],
    server: &Server,
    output: Output,
) {
    let plan = submit_many::combine(server, planned, usize::MAX);
    for line in chosen.lines() {
        output.result(line);
    }
    output.result(format!("{command} would touch:"));
    for line in plan_lines(&plan) {
        output.result(line);
    }
    let mut object = chosen.object(command);
    object["total"] = plan.total.into();
    object["plan"] = json!(plan.counts);
    object["notes"] = json!(plan.notes);
    output.object(&object);
    end_dry_run(server, output);
}

/// Plans each job. An account whose job is refused refuses all.
async fn plan_all(
    chosen: &Chosen,
    job: impl Fn(&SelectedAccount) -> AccountJob,
    session: &Session,
    server: &Server,
) -> Result<Vec<Planned>, Failure> {
    let mut db = session.pool.acquire().await?;
    let (mut planned, mut refused) = (Vec::with_capacity(chosen.accounts.len()), Vec::new());
    for account in &chosen.accounts {
        let AccountJob { job, is_needed, done } = job(account);
        let plan = if is_needed {
            match job.plan(&mut db, server).await.map_err(Failure::from) {
                Ok(plan) => plan,
                Err(Failure::Refused(reason)) => {
                    refused.push(format!("  {}: {reason}", account.nickname));
                    continue;
                }
                Err(failure) => return Err(failure),
            }
        } else {
            PlanSummary { counts: Vec::new(), notes: Vec::new(), total: 0, cursor: Value::Null }
        };
        planned.push(Planned { job, plan, done, unknown: None, comment: None, figures: None });
    }
    if refused.is_empty() {
        return Ok(planned);
    }
    let more = refused.len().saturating_sub(NAMED_MAX);
    refused.truncate(NAMED_MAX);
    if more > 0 {
        let more = counted(i64::try_from(more).unwrap_or(i64::MAX), "more accounts");
        refused.push(format!("  and {more}"));
    }
    Err(Failure::Refused(format!(
        "some of the accounts are refused:\n{}\nNothing was changed. Leave them out, for example \
         with: ostrakon select edit NAME --remove NICK",
        refused.join("\n")
    )))
}
