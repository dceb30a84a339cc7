//! Following a run to its end, or doing it here.

use std::{
    pin::pin,
    time::{Duration, Instant},
};

use chrono::Utc;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use kenoma_jobs::{
    AnyJob,
    engine::{
        Ended, Meter, Progress, Status, Wait, deliveries_told,
        ledger::{self, Run},
        look_after,
    },
    pleroma::Server,
};
use tokio::{
    signal::ctrl_c,
    sync::watch,
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    Failure, Output,
    output::{one_line, thousands},
    submit::find,
};
use crate::session::{Session, fresh_worker_id};

/// How often the ledger is asked.
const GLANCE: Duration = Duration::from_millis(250);

/// How often a plain line is written where there is no terminal.
const LINE: Duration = Duration::from_secs(10);

/// Follows a run until it ends. Ctrl-C stops following; the run goes on.
pub(super) async fn wait(
    session: &Session,
    id: &str,
    patience: Option<Duration>,
    output: Output,
) -> Result<Run, Failure> {
    let followed = async {
        tokio::select! {
            run = until_finished(session, id, output) => run,
            _ = ctrl_c() => Err(Failure::Interrupted(format!(
                "no longer following; run {id} goes on. Follow it again with: kenoma jobs watch {id}"
            ))),
        }
    };
    match patience {
        None => followed.await,
        Some(patience) => timeout(patience, followed).await.unwrap_or_else(|_elapsed| {
            Err(Failure::TimedOut(format!(
                "run {id} is not finished after {}, and was left alone; follow it with: kenoma \
                 jobs watch {id}",
                humantime::format_duration(patience)
            )))
        }),
    }
}

async fn until_finished(session: &Session, id: &str, output: Output) -> Result<Run, Failure> {
    let mut display = Display::new(output);
    let mut ticks = interval(GLANCE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut said = None;
    let mut waits_for = None;
    loop {
        ticks.tick().await;
        let run = find(session, id).await?;
        display.show(&run.subject, &progress_of(&run));
        if run.status.is_finished() {
            display.end();
            return Ok(run);
        }
        if run.status == Status::Paused && said != Some(Status::Paused) {
            output.note(format!("Run {id} is paused; go on with: kenoma jobs resume {id}"));
        }
        if run.status == Status::Queued
            && said != Some(Status::Queued)
            && let Err(unknown) = AnyJob::of(&run)
        {
            output.note(format!("Run {id} waits for a worker of a newer version: {unknown}"));
        }
        if run.status == Status::Queued && said != Some(Status::Queued) && run.cursor.is_some() {
            let reason = run.waits_for().map(str::to_owned);
            // Once, and not after each look.
            if reason.is_some() && reason != waits_for {
                output
                    .note(format!("Run {id} waits for {}", reason.as_deref().unwrap_or_default()));
                waits_for = reason;
            }
        }
        said = Some(run.status);
    }
}

fn progress_of(run: &Run) -> Progress {
    Progress {
        done: run.done,
        total: run.total,
        parked: run.parked,
        step: run.step(),
        held_back: run.held_back().map(str::to_owned),
        deliveries_until: run.deliveries_until,
        ..Progress::default()
    }
}

/// Does a run in this process. Ctrl-C stops at the end of the batch.
pub(super) async fn inline(
    session: &Session,
    server: &Server,
    job: &AnyJob,
    id: &str,
    output: Output,
) -> Result<Run, Failure> {
    let mut display = Display::new(output);
    let mut said = String::new();
    let ended = loop {
        let ended = inline_claim(session, server, job, id, &mut display).await?;
        let Ended::Waiting(Wait { delay, reason }) = ended else { break ended };
        if said != reason {
            output.note(format!("Waits for {reason} …"));
            said = reason;
        }
        tokio::select! {
            () = sleep(delay) => {}
            _ = ctrl_c() => break Ended::Interrupted,
        }
    };
    display.end();
    let run = find(session, id).await?;
    match ended {
        Ended::Interrupted => Err(Failure::Interrupted(format!(
            "stopped after {} of {} items; nothing is lost. A worker goes on with run {id}, or the \
             same command does",
            thousands(run.done),
            run.total.map_or_else(|| "?".to_owned(), thousands)
        ))),
        Ended::Retrying(error, delay) => Err(Failure::Failed(format!(
            "run {id} was undone to its last batch: {error}. A worker tries it again in {}, or the \
             same command does",
            humantime::format_duration(delay)
        ))),
        Ended::Lost => Err(Failure::Failed(format!(
            "run {id} was taken over, or the database went away; see: kenoma jobs show {id}"
        ))),
        Ended::Paused => Err(Failure::Failed(format!(
            "run {id} was paused; go on with: kenoma jobs resume {id}"
        ))),
        Ended::LeftToNewer(reason) => Err(Failure::Refused(format!(
            "run {id} was begun by a newer version of kenoma: {reason}. It was left as it is: update \
             kenoma, or leave it to a worker of that version"
        ))),
        Ended::Succeeded
        | Ended::Incomplete
        | Ended::Failed(_)
        | Ended::Cancelled
        | Ended::Waiting(_) => Ok(run),
    }
}

/// Works on a run until it ends or has to wait.
async fn inline_claim(
    session: &Session,
    server: &Server,
    job: &AnyJob,
    id: &str,
    display: &mut Display,
) -> Result<Ended, Failure> {
    let owner = fresh_worker_id();
    let claim = {
        let mut db = session.side_pool.acquire().await?;
        ledger::claim(&mut db, id, &owner, session.lease()).await?
    };
    let Some(claim) = claim else {
        return Err(Failure::Refused(format!(
            "run {id} is being worked on by somebody else; follow it with: kenoma jobs watch {id}"
        )));
    };
    let stop = CancellationToken::new();
    let driver = session.inline_driver(stop.clone());
    let (sender, receiver) = watch::channel(Progress::default());
    let mut work = pin!(async {
        let ended = job.drive(&driver, server, &claim, &sender).await;
        let progress = sender.borrow().clone();
        look_after(&driver, &claim, job.tables(), &ended, &progress).await;
        ended
    });
    let mut ticks = interval(GLANCE);
    let ended = loop {
        tokio::select! {
            ended = &mut work => break ended,
            _ = ticks.tick() => display.show(job.subject(), &receiver.borrow()),
            _ = ctrl_c(), if !stop.is_cancelled() => {
                display.output.note("Stopping at the end of the batch …");
                stop.cancel();
            }
        }
    };
    display.show(job.subject(), &receiver.borrow());
    Ok(ended)
}

/// A progress bar on a terminal, a line every ten seconds elsewhere.
struct Display {
    output: Output,
    bar: ProgressBar,
    meter: Option<Meter>,
    last_line: Instant,
    /// Whether it was told that the run is held back.
    held_back: bool,
}

impl Display {
    fn new(output: Output) -> Self {
        let target = if output.is_live() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let style = ProgressStyle::with_template(
            "{msg} {wide_bar} {human_pos}/{human_len} · {rate} · {eta} left{prefix}",
        )
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .with_key("rate", |state: &ProgressState, text: &mut dyn std::fmt::Write| {
            // The bar is only for the eye: there is nobody to tell when it cannot be drawn.
            let _undrawn = write!(text, "{:.0}/s", state.per_sec());
        });
        let bar = ProgressBar::with_draw_target(Some(0), target).with_style(style);
        Self { output, bar, meter: None, last_line: Instant::now(), held_back: false }
    }

    fn show(&mut self, subject: &str, progress: &Progress) {
        // Nothing is known before the first plan; a bar of nothing would look like the end.
        if progress.total.is_none() {
            return;
        }
        self.tell_brake(subject, progress.held_back.as_deref());
        let count = |items: i64| u64::try_from(items).unwrap_or(0);
        let held_back = progress.held_back.as_ref().map(|_| "held back");
        let inside: Vec<&str> = progress.step.as_deref().into_iter().chain(held_back).collect();
        let subject = &match inside[..] {
            [] => subject.to_owned(),
            _ => format!("{subject} ({})", inside.join(", ")),
        };
        let deliveries = deliveries_told(progress.deliveries_until, Utc::now());
        let deliveries = |mark: &str| deliveries.as_ref().map(|told| format!("{mark} {told}"));
        self.bar.set_message(one_line(subject));
        self.bar.set_prefix(deliveries(" ·").unwrap_or_default());
        self.bar.set_length(count(progress.total.unwrap_or(0)));
        self.bar.set_position(count(progress.done + progress.parked));
        if progress.total.is_none() {
            return;
        }
        let meter = self.meter.get_or_insert_with(|| Meter::start(progress));
        if self.last_line.elapsed() < LINE || self.output.is_live() {
            return;
        }
        self.last_line = Instant::now();
        let rate = meter.rows_per_second(progress);
        let total = progress.total.map_or_else(|| "?".to_owned(), thousands);
        let left = meter.eta(progress).map_or_else(String::new, |eta| {
            let seconds = Duration::from_secs(eta.as_secs());
            format!(", {} left", humantime::format_duration(seconds))
        });
        let done = thousands(progress.done);
        let parked = match progress.parked {
            0 => String::new(),
            parked => format!(", {} parked", thousands(parked)),
        };
        let deliveries = deliveries(";").unwrap_or_default();
        self.output.note(format!(
            "{subject}: {done} of {total}{parked}, {rate:.0} per second{left}{deliveries}"
        ));
    }

    /// Says why a run is held back, once, and when it goes on.
    fn tell_brake(&mut self, subject: &str, reason: Option<&str>) {
        // The figure in a reason changes; that it is held back is told once.
        if self.held_back == reason.is_some() {
            return;
        }
        self.held_back = reason.is_some();
        let text = match reason {
            Some(reason) => format!("{subject} is held back: {reason}"),
            None => format!("{subject} goes on"),
        };
        self.bar.suspend(|| self.output.note(one_line(&text)));
    }

    fn end(&self) {
        if self.output.is_live() {
            // What is printed next must not stand behind the bar.
            self.bar.finish_and_clear();
        }
    }
}
