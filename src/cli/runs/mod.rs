//! `ostrakon runs`: shows runs and controls them.

mod control;
mod group;
mod list;
mod show;

use std::time::Duration;

use chrono::Utc;
use clap::Subcommand;
use ostrakon_engine::{deliveries_note, ledger::Run};

use super::{Failure, Output, follow, submit};
use crate::{
    requests::{self, Named, RunView},
    session::Session,
};

/// Commands about runs.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List runs, newest first.
    List(list::Options),
    /// Show a run: plan, progress, history, parked items.
    Show(Id),
    /// Follow a run to its end. Ctrl-C stops following; the run goes on.
    Watch(Watch),
    /// Stop a run at the end of its batch; it can be resumed.
    Pause(Id),
    /// Resume a paused run.
    Resume(Id),
    /// Stop a run for good at the end of its batch; what is done stays done.
    Cancel(Id),
    /// Change the speed of a run, from its next batch on.
    Speed(Speed),
    /// Retry what an incomplete, failed or cancelled run has left, parked items included.
    Retry(Retry),
}

/// Names a run or a group.
#[derive(Debug, clap::Args)]
pub(super) struct Id {
    /// The id of a run or of a group of runs, as `ostrakon runs list` shows it.
    #[arg(value_name = "RUN", value_parser = parse_id)]
    id: String,
}

/// Options of `watch`.
#[derive(Debug, clap::Args)]
pub(super) struct Watch {
    #[command(flatten)]
    run: Id,
    /// Maximum time to wait, for example 10m; then exit with code 7.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    wait_timeout: Option<Duration>,
}

/// Options of `retry`.
#[derive(Debug, clap::Args)]
pub(super) struct Retry {
    #[command(flatten)]
    run: Id,
    /// Retry only the parked items; if other items are left, the run keeps its old status.
    #[arg(long)]
    parked: bool,
}

/// Options of `speed`.
#[derive(Debug, clap::Args)]
pub(super) struct Speed {
    #[command(flatten)]
    run: Id,
    /// From 0.01 to 100: 1 follows the settings, 0.5 takes twice as long, 2 rests less.
    #[arg(value_name = "FACTOR", value_parser = parse_factor)]
    factor: f64,
}

fn parse_factor(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|factor| (0.01..=100.0).contains(factor))
        .ok_or_else(|| "give a number from 0.01 to 100, such as 0.5".to_owned())
}

/// Ids are ULIDs, in any case.
fn parse_id(text: &str) -> Result<String, String> {
    ulid::Ulid::from_string(&text.to_uppercase()).map(|id| id.to_string()).map_err(|_invalid| {
        "a run's id has 26 letters and digits; see: ostrakon runs list".to_owned()
    })
}

/// Does what was typed.
pub(super) async fn run(command: Command, session: Session, output: Output) -> Result<(), Failure> {
    session.require_ledger().await?;
    let id = match &command {
        Command::List(options) => return list::run(options, &session, output).await,
        Command::Show(run) | Command::Pause(run) | Command::Resume(run) | Command::Cancel(run) => {
            &run.id
        }
        Command::Watch(Watch { run, .. })
        | Command::Speed(Speed { run, .. })
        | Command::Retry(Retry { run, .. }) => &run.id,
    };
    match requests::find_named(&session, id).await? {
        Named::Group(named) => group::run(&command, &named, &session, output).await,
        Named::Run(named) => run_of(&command, &named.id, &session, output).await,
    }
}

/// Does what was typed about a single run.
async fn run_of(
    command: &Command,
    id: &str,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    match command {
        Command::List(_) => Ok(()),
        Command::Show(_) => show::run(id, session, output).await,
        Command::Watch(options) => {
            let run = follow::wait(session, id, options.wait_timeout, output).await?;
            output.object(&RunView::of(&run));
            submit::conclude(&run)?;
            let deliveries = deliveries_note(run.deliveries_until, Utc::now())
                .map_or_else(String::new, |reported| format!("; {reported}"));
            let Run { id, job, subject, .. } = &run;
            output.result(format!("Run {id} ({job} {subject}) is done{deliveries}."));
            Ok(())
        }
        Command::Pause(_) => control::pause(id, session, output).await,
        Command::Resume(_) => control::resume(id, session, output).await,
        Command::Cancel(_) => control::cancel(id, session, output).await,
        Command::Speed(options) => control::speed(id, options.factor, session, output).await,
        Command::Retry(options) if options.parked => {
            control::retry_parked(id, session, output).await
        }
        Command::Retry(_) => control::retry(id, session, output).await,
    }
}
