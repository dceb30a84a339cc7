//! From what was typed to a run: plan, question, ledger, notification.

use std::time::Duration;

use chrono::Utc;
use ostrakon_engine::{Status, deliveries_note, ledger::Run};
use ostrakon_jobs::AnyJob;
use ostrakon_queue::Notifier;
use ostrakon_server::Server;

use super::{
    Failure, Output, follow,
    inline::inline,
    maintenance, meanwhile,
    place::{SAME_COMMAND, long_jobs_here, short_jobs_here, warn_without_worker},
    plan::{confirm, end_dry_run, show_plan, tell_notes},
};
use crate::{
    numbers::{counted, thousands},
    requests::{
        self, Enqueued, Interrupts, Notified, Outcome, Overridden, Planned, Queued, Requester,
        RunView, may_take_over,
    },
    session::Session,
};

/// Options of every command that makes a run.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct RunOptions {
    /// Show what would be done; change nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Do not ask for confirmation.
    #[arg(long, short)]
    pub(super) yes: bool,
    /// Follow the run to its end. Ctrl-C stops following; the run goes on.
    #[arg(long, group = "followed")]
    pub(super) wait: bool,
    /// Follow the run as well if nobody asked for it, but a worker is there that will do it.
    #[arg(skip)]
    pub(super) wait_for_worker: bool,
    /// Maximum time to wait, for example 10m; then exit with code 7. --inline pauses the run.
    #[arg(long, value_name = "DURATION", requires = "followed", value_parser = humantime::parse_duration)]
    pub(super) wait_timeout: Option<Duration>,
    /// Do it in this process, without worker or Redis. Ctrl-C pauses the run.
    #[arg(long, group = "followed", conflicts_with_all = ["wait", "require_redis"])]
    pub(super) inline: bool,
    /// Leave it to a worker, even if none is running.
    #[arg(long, conflicts_with = "inline")]
    pub(super) queue: bool,
    /// Reason, for the record.
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: Option<String>,
    /// Exit with code 8 if Redis is unreachable; by default, a worker finds the run later.
    #[arg(long)]
    pub(super) require_redis: bool,
    /// Guards that were overridden.
    #[arg(skip)]
    pub(super) overridden: Option<Overridden>,
}

impl RunOptions {
    /// Who asks, for the ledger.
    pub(super) fn requester(&self) -> Requester<'_> {
        let overridden = self.overridden.as_ref();
        Requester { reason: self.reason.as_deref(), inline: self.inline, overridden }
    }
}

/// Request for a job, and what to print when it is done.
pub(super) struct Request<'a> {
    /// Requested job.
    pub(super) job: AnyJob,
    /// Options of the request.
    pub(super) options: &'a RunOptions,
    /// Lines that the original prints, printed here once they are true.
    pub(super) done: Vec<String>,
}

/// Plans a job, asks for confirmation, writes the run to the ledger, and has it done.
pub(super) async fn submit(
    session: &Session,
    server: Server,
    request: Request<'_>,
    output: Output,
) -> Result<(), Failure> {
    let Request { job, options: asked, done } = request;
    let planned = requests::plan(session, &server, job, done).await?;
    let Planned { job, plan, .. } = &planned;
    if asked.dry_run {
        show_plan(job, plan, planned.figures, &server, output);
        end_dry_run(&server, output);
        return Ok(());
    }
    server.require_writable()?;
    let mut options = short_jobs_here(session, asked, job.class()).await?;
    let unasked = options.inline && !asked.inline;
    let waiting = unfinished(session, job, &options, output).await?;
    if plan.total == 0 && waiting.is_none() {
        output.note("There was nothing to do.");
        tell_notes(plan, output);
        done_already(job, &planned.done, output);
        return Ok(());
    }
    session.require_ledger().await?;
    let notifier = required_notifier(session, asked).await?;
    confirm(job, plan, &server, options.yes, output)?;
    options.inline = long_jobs_here(session, &options, output).await?;
    if options.inline && unasked {
        output.note("No worker is running: this process does it.");
    }
    // Before the run exists: whatever stops this process from now on also pauses the run.
    let interrupts =
        options.inline.then(|| Interrupts::listen(options.wait_timeout)).transpose()?;
    let queued = enqueue(session, &server, planned, &options, output).await?;
    let Queued { id, planned: Planned { job, done, .. } } = &queued;
    let run = if let Some(mut interrupts) = interrupts {
        Box::pin(inline(session, &server, job, id, &mut interrupts, output)).await?
    } else {
        report_queued(&queued, output);
        let alive = notify(session, &queued, 1, notifier, output).await?;
        if !(options.wait || options.wait_for_worker && alive) {
            let run = requests::find(session, id).await?;
            output.object(&RunView::of(&run));
            return Ok(());
        }
        follow::wait(session, id, options.wait_timeout, output).await?
    };
    output.object(&RunView::of(&run));
    if run.status == Status::Succeeded {
        for line in done {
            output.result(line);
        }
    }
    if let Some(reported) = meanwhile::describe(&run) {
        output.note(format!("{reported}."));
    }
    if let Some(reported) = deliveries_note(run.deliveries_until, Utc::now()) {
        output.note(format!("The server is still notifying other servers: {reported}."));
    }
    if options.inline {
        maintenance::tell(session, &run.id, output).await?;
    }
    conclude(&run)
}

/// Ends a command whose account is already in the desired state: reports it, unless an unfinished
/// run would change that state.
pub(super) async fn nothing_to_do(
    session: &Session,
    job: &AnyJob,
    options: &RunOptions,
    lines: &[String],
    output: Output,
) -> Result<(), Failure> {
    if !options.dry_run {
        unfinished(session, job, options, output).await?;
    }
    done_already(job, lines, output);
    Ok(())
}

fn done_already(job: &AnyJob, lines: &[String], output: Output) {
    for line in lines {
        output.result(line);
    }
    output.object(&RunView::nothing_to_do(job.name(), job.subject()));
}

/// Looks for an unfinished run that conflicts: an error, or the run itself if `--inline` may take
/// it over.
async fn unfinished(
    session: &Session,
    job: &AnyJob,
    options: &RunOptions,
    output: Output,
) -> Result<Option<Run>, Failure> {
    let found = requests::unfinished(session, &[job.dedupe_key()]).await?;
    match found.into_values().next() {
        None => Ok(None),
        Some(run) if options.inline && may_take_over(&run, job) => Ok(Some(run)),
        Some(run) => Err(already(run, output)),
    }
}

fn already(run: Run, output: Output) -> Failure {
    output.object(&RunView::of(&run));
    Failure::AlreadyQueued { id: run.id, job: run.job, status: run.status }
}

/// Converts the final status of a run to the result of the command.
pub(super) fn conclude(run: &Run) -> Result<(), Failure> {
    let id = &run.id;
    match run.status {
        Status::Succeeded => Ok(()),
        Status::Incomplete => Err(Failure::Parked(format!(
            "run {id} is incomplete: {}; see: ostrakon runs show {id}\nFix the causes, then: \
             ostrakon runs retry {id}",
            done_text(run)
        ))),
        Status::Cancelled => Err(Failure::Failed(format!(
            "run {id} was cancelled: {}; what was committed stays",
            done_text(run)
        ))),
        _ => Err(Failure::Failed(format!(
            "run {id} has failed: {}\n{}; what was committed stays. Fix the cause, then retry \
             what is left, parked items included: ostrakon runs retry {id}",
            run.last_error.as_deref().unwrap_or("no reason was noted"),
            done_text(run)
        ))),
    }
}

/// Summarises what a run has done and left: `300 of 301 items done, 1 parked`.
pub(super) fn done_text(run: &Run) -> String {
    let total = run.total.map_or_else(|| "? items".to_owned(), |total| counted(total, "items"));
    format!("{} of {total} done{}", thousands(run.done), rest_text(run))
}

/// Suffix for the items of a run that are not done: `, 1 parked`.
pub(super) fn rest_text(run: &Run) -> String {
    match run.parked {
        0 => String::new(),
        parked => format!(", {} parked", thousands(parked)),
    }
}

/// Writes the run to the ledger. With `--inline`, takes over a queued run of the same job.
async fn enqueue(
    session: &Session,
    server: &Server,
    planned: Planned,
    options: &RunOptions,
    output: Output,
) -> Result<Queued, Failure> {
    let requester = options.requester();
    let Enqueued { planned, outcome } =
        requests::enqueue_one(session, server, planned, requester).await?;
    match outcome {
        Outcome::New(id) | Outcome::TakenOver(id) => Ok(Queued { id, planned }),
        Outcome::Conflict(run) => Err(already(*run, output)),
    }
}

/// Reports a run that was queued.
pub(super) fn report_queued(queued: &Queued, output: Output) {
    let Queued { id, planned } = queued;
    let job = &planned.job;
    output.result(format!("Queued {} {} as run {id}.", job.name(), job.subject()));
    output.note(format!("Follow it with: ostrakon runs watch {id}"));
}

/// Notifies workers of a run, or of the first of `runs` that are one group, and warns if no worker
/// is running. Returns whether one is.
pub(super) async fn notify(
    session: &Session,
    first: &Queued,
    runs: usize,
    notifier: Option<Box<dyn Notifier>>,
    output: Output,
) -> Result<bool, Failure> {
    if let Notified::No(error) = requests::notify(session, first, notifier).await? {
        let (runs, them) = match runs {
            1 => ("run is", "it"),
            _ => ("runs are", "them"),
        };
        let when = match session.settings.notifying_redis() {
            Some(_) => "when Redis is back",
            None => "within seconds",
        };
        output.warning(format!(
            "{error}\nThe {runs} safe in the ledger: a worker will pick {them} up {when}."
        ));
    }
    warn_without_worker(session, SAME_COMMAND, output).await
}

/// Connects to Redis before anything is written, if `--require-redis` is set.
pub(super) async fn required_notifier(
    session: &Session,
    options: &RunOptions,
) -> Result<Option<Box<dyn Notifier>>, Failure> {
    if options.inline {
        return Ok(None);
    }
    if options.require_redis && session.settings.notifying_redis().is_none() {
        return Err(Failure::Usage(
            "--require-redis: workers are notified by PostgreSQL, since redis.url is not set or \
             queue.backend is \"postgres\"; nothing was queued"
                .to_owned(),
        ));
    }
    requests::required_notifier(session, options.require_redis).await
}
