//! From what was typed to a run: plan, question, ledger, notification.

use std::time::Duration;

use chrono::Utc;
use ostrakon_engine::{
    self, FailPoint, JobError, PlanSummary, Status, deliveries_note,
    ledger::{self, Enqueued, NewRun, Run},
};
use ostrakon_jobs::AnyJob;
use ostrakon_server::Server;
use tokio::time::sleep;

use super::{
    Failure, Output, follow,
    inline::inline,
    interrupts::Interrupts,
    maintenance, meanwhile,
    output::{counted, thousands},
    place::{SAME_COMMAND, long_jobs_here, short_jobs_here, warn_without_worker},
    plan::{confirm, show_plan, tell_notes},
    run_json::RunJson,
};
use crate::session::{Session, operator};
use ostrakon_queue::{Envelope, Notifier, QueueError};

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
    let job = &request.job;
    let id;
    let plan = {
        let mut db = session.pool.acquire().await?;
        job.plan(&mut db, &server).await?
    };
    if request.options.dry_run {
        show_plan(job, &plan, output);
        return Ok(());
    }
    let mut options = short_jobs_here(session, request.options, job.class()).await?;
    let unasked = options.inline && !request.options.inline;
    let waiting = unfinished(session, job, &options, output).await?;
    if plan.total == 0 && waiting.is_none() {
        output.note("There was nothing to do.");
        tell_notes(&plan, output);
        done_already(job, &request.done, output);
        return Ok(());
    }
    session.require_ledger().await?;
    let notifier = required_redis(session, &options).await?;
    confirm(job, &plan, options.yes, output)?;
    options.inline = long_jobs_here(session, &options, output).await?;
    let request = Request { job: request.job.clone(), options: &options, done: request.done };
    let job = &request.job;
    let run = if options.inline {
        if unasked {
            output.note("No worker is running: this process does it.");
        }
        let mut interrupts = Interrupts::listen(options.wait_timeout)?;
        id = enqueue(session, &server, &request, &plan, output).await?;
        Box::pin(inline(session, &server, job, &id, &mut interrupts, output)).await?
    } else {
        id = enqueue(session, &server, &request, &plan, output).await?;
        let alive = notify(session, job, &id, notifier, output).await?;
        if !(options.wait || options.wait_for_worker && alive) {
            let run = find(session, &id).await?;
            output.object(&RunJson::of(&run));
            return Ok(());
        }
        follow::wait(session, &id, options.wait_timeout, output).await?
    };
    output.object(&RunJson::of(&run));
    if run.status == Status::Succeeded {
        finished(&request, output);
    }
    if let Some(reported) = meanwhile::describe(&run) {
        output.note(format!("{reported}."));
    }
    if let Some(reported) = deliveries_note(run.deliveries_until, Utc::now()) {
        output.note(format!("The server is still notifying other servers: {reported}."));
    }
    if options.inline {
        maintenance::tell(session, &id, output).await?;
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
    output.object(&RunJson::nothing_to_do(job.name(), job.subject()));
}

/// Looks for an unfinished run that conflicts: an error, or the run itself if `--inline` may take
/// it over.
async fn unfinished(
    session: &Session,
    job: &AnyJob,
    options: &RunOptions,
    output: Output,
) -> Result<Option<Run>, Failure> {
    let mut db = session.side_pool.acquire().await?;
    if ledger::schema_state(&mut db).await? != ledger::SchemaState::Current {
        return Ok(None);
    }
    match ledger::unfinished(&mut db, &job.dedupe_key()).await? {
        None => Ok(None),
        Some(run) if may_take_up(&run, job, options) => Ok(Some(run)),
        Some(run) => Err(already(run, output)),
    }
}

/// Whether `--inline` may take over a run that was queued before.
pub(super) fn may_take_up(run: &Run, job: &AnyJob, options: &RunOptions) -> bool {
    let same = job.payload().is_ok_and(|payload| run.job == job.name() && run.payload == payload);
    options.inline && run.status == Status::Queued && same
}

fn already(run: Run, output: Output) -> Failure {
    output.object(&RunJson::of(&run));
    Failure::AlreadyQueued { id: run.id, job: run.job, status: run.status }
}

/// Prints the original's lines.
fn finished(request: &Request<'_>, output: Output) {
    for line in &request.done {
        output.result(line);
    }
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
    request: &Request<'_>,
    plan: &PlanSummary,
    output: Output,
) -> Result<String, Failure> {
    let job = &request.job;
    let payload = job.payload().map_err(|error| Failure::Failed(error.to_string()))?;
    let new = NewRun {
        job: job.name(),
        class: job.class(),
        payload,
        subject: job.subject(),
        dedupe_key: &job.dedupe_key(),
        plan,
        requested_by: &operator(),
        reason: request.options.reason.as_deref(),
    };
    match write_down(session, server, job, &new).await? {
        Enqueued::New { id } => Ok(id),
        Enqueued::Already { id, .. } => {
            let run = find(session, &id).await?;
            if !may_take_up(&run, job, request.options) {
                return Err(already(run, output));
            }
            // The run may be waiting for its next attempt; with `--inline` it starts immediately.
            let mut db = session.side_pool.acquire().await?;
            ledger::make_due_now(&mut db, &id).await?;
            Ok(id)
        }
    }
}

/// Writes a run and applies the job's immediate changes. Tries again, up to 3 times, while another
/// session holds these rows.
async fn write_down(
    session: &Session,
    server: &Server,
    job: &AnyJob,
    new: &NewRun<'_>,
) -> Result<Enqueued, Failure> {
    let mut pauses_ms = [100, 200, 400].into_iter();
    loop {
        let mut tx = ostrakon_engine::begin(&session.pool, &session.settings.batch).await?;
        let enqueued = ledger::enqueue(&mut tx, new).await?;
        if let Enqueued::Already { .. } = enqueued {
            return Ok(enqueued);
        }
        let done = job.on_enqueue(&mut tx, server).await;
        if let (Err(JobError::GaveWay(_)), Some(pause_ms)) = (&done, pauses_ms.next()) {
            tx.rollback().await?;
            sleep(Duration::from_millis(pause_ms)).await;
            continue;
        }
        done?;
        FailPoint::BeforeEnqueueCommit.reach();
        tx.commit().await?;
        FailPoint::AfterEnqueueCommit.reach();
        return Ok(enqueued);
    }
}

/// Notifies a worker and prints how to follow the run. Returns whether a worker is running.
async fn notify(
    session: &Session,
    job: &AnyJob,
    id: &str,
    notifier: Option<Box<dyn Notifier>>,
    output: Output,
) -> Result<bool, Failure> {
    output.result(format!("Queued {} {} as run {id}.", job.name(), job.subject()));
    output.note(format!("Follow it with: ostrakon runs watch {id}"));
    match send_notification(session, job, id, notifier).await {
        Ok(()) => {
            let mut db = session.side_pool.acquire().await?;
            ledger::mark_notified(&mut db, &[id.to_owned()]).await?;
        }
        Err(error) => output.warning(format!(
            "{error}\nThe run is safe in the ledger: a worker will pick it up when Redis is back."
        )),
    }
    warn_without_worker(session, SAME_COMMAND, output).await
}

/// Connects to Redis before anything is written, if `--require-redis` is set.
pub(super) async fn required_redis(
    session: &Session,
    options: &RunOptions,
) -> Result<Option<Box<dyn Notifier>>, Failure> {
    if !options.inline {
        // Invalid settings do not become valid by waiting.
        session.settings.notifying_redis().map_or(Ok(()), |redis| redis.check())?;
    }
    if !options.require_redis {
        return Ok(None);
    }
    if session.settings.notifying_redis().is_none() {
        return Err(Failure::Usage(
            "--require-redis: workers are notified by PostgreSQL, since redis.url is not set or \
             queue.backend is \"postgres\"; nothing was queued"
                .to_owned(),
        ));
    }
    let notifier = session.notifier().await;
    Ok(Some(notifier.map_err(|error| Failure::from(error).and("Nothing was queued."))?))
}

async fn send_notification(
    session: &Session,
    job: &AnyJob,
    id: &str,
    notifier: Option<Box<dyn Notifier>>,
) -> Result<(), QueueError> {
    let mut notifier = match notifier {
        Some(notifier) => notifier,
        None => session.notifier().await?,
    };
    let payload =
        job.payload().map_err(|error| QueueError::Message { reason: error.to_string() })?;
    if notifier.room(job.class()).await? == 0 {
        // The queue is full, so workers were notified often enough; they find this run by
        // themselves.
        return Ok(());
    }
    let envelope = Envelope { run_id: id.to_owned(), job: job.name().to_owned(), payload };
    notifier.notify(job.class(), envelope).await
}

/// Reads a run that must exist.
pub(super) async fn find(session: &Session, id: &str) -> Result<Run, Failure> {
    let mut db = session.side_pool.acquire().await?;
    ledger::find(&mut db, id).await?.ok_or_else(|| {
        Failure::NotFound(format!("No run {id}; list them with: ostrakon runs list"))
    })
}
