//! Following a run to its end.

use std::time::{Duration, Instant};

use ostrakon_engine::{Progress, Status, ledger::Run};
use ostrakon_jobs::AnyJob;
use tokio::{
    signal::ctrl_c,
    time::{MissedTickBehavior, interval, timeout},
};

use super::{
    Failure, Output,
    display::Display,
    place::{SAME_COMMAND, no_worker_alive, worker_is_alive},
    submit::find,
};
use crate::session::Session;

/// Time a run may wait in the queue before the command checks whether a worker is running.
const PICKED_UP: Duration = Duration::from_secs(10);

/// Interval at which the ledger is polled and progress is shown.
pub(super) const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// Follows a run until it ends. Ctrl-C stops following; the run goes on.
pub(super) async fn wait(
    session: &Session,
    id: &str,
    wait_timeout: Option<Duration>,
    output: Output,
) -> Result<Run, Failure> {
    let followed = async {
        tokio::select! {
            run = until_finished(session, id, output) => run,
            _ = ctrl_c() => Err(Failure::Interrupted(format!(
                "no longer following run {id}, which continues. Follow it again with: ostrakon \
                 runs watch {id}"
            ))),
        }
    };
    match wait_timeout {
        None => followed.await,
        Some(limit) => timeout(limit, followed).await.unwrap_or_else(|_elapsed| {
            Err(Failure::TimedOut(format!(
                "run {id} did not finish within {} and was left as it is; follow it with: ostrakon \
                 runs watch {id}",
                humantime::format_duration(limit)
            )))
        }),
    }
}

async fn until_finished(session: &Session, id: &str, output: Output) -> Result<Run, Failure> {
    let mut display = Display::new(output);
    let mut ticks = interval(POLL_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut said = None;
    let mut waits_for = None;
    // The command has just reported whether a worker is running.
    let mut polled = Instant::now();
    let mut warned = false;
    loop {
        ticks.tick().await;
        let run = find(session, id).await?;
        display.show(&run.subject, &progress_of(&run));
        if run.status.is_finished() {
            return Ok(run);
        }
        if run.status == Status::Paused && said != Some(Status::Paused) {
            output.note(format!("Run {id} is paused; resume it with: ostrakon runs resume {id}"));
        }
        if run.status == Status::Queued
            && said != Some(Status::Queued)
            && let Err(unknown) = AnyJob::of(&run)
        {
            output.note(format!("Run {id} waits for a worker of a newer version: {unknown}"));
        }
        if run.status == Status::Queued && said != Some(Status::Queued) && run.cursor.is_some() {
            let reason = run.waits_for().map(str::to_owned);
            // Once per reason, not after each poll.
            if reason.is_some() && reason != waits_for {
                output
                    .note(format!("Run {id} waits for {}", reason.as_deref().unwrap_or_default()));
                waits_for = reason;
            }
        }
        if run.status != Status::Queued {
            polled = Instant::now();
        } else if polled.elapsed() > PICKED_UP {
            polled = Instant::now();
            if !warned && !worker_is_alive(session).await? {
                output.warning(format!("run {id} waits, and {}", no_worker_alive(SAME_COMMAND)));
                warned = true;
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
        throttled: run.throttled().map(str::to_owned),
        deliveries_until: run.deliveries_until,
        ..Progress::default()
    }
}
