//! `ostrakon runs list`

use clap::builder::{PossibleValuesParser, TypedValueParser};
use ostrakon_engine::{
    Status,
    ledger::{self, Run, RunFilter},
};
use ostrakon_jobs::AnyJob;

use crate::{
    cli::{
        Failure, Output,
        output::{Stacked, fitting, table},
    },
    numbers::thousands,
    requests::RunView,
    session::Session,
};

/// What can be typed.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Options {
    /// Filter by status.
    #[arg(long, value_parser = status_parser())]
    status: Option<Status>,
    /// Filter by job.
    #[arg(long, value_name = "JOB", value_parser = PossibleValuesParser::new(AnyJob::NAMES))]
    job: Option<String>,
    /// Maximum number of runs.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=100_000))]
    limit: i64,
}

/// Accepts a status by its name.
fn status_parser() -> impl TypedValueParser<Value = Status> {
    PossibleValuesParser::new(Status::ALL.map(Status::name)).try_map(|typed| {
        Status::ALL.into_iter().find(|status| status.name() == typed).ok_or("no status")
    })
}

/// Lists runs.
pub(super) async fn run(
    options: &Options,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    let filter =
        RunFilter { status: options.status, job: options.job.clone(), limit: options.limit };
    let mut db = session.side_pool.acquire().await?;
    let runs = ledger::list(&mut db, &filter).await?;
    for run in &runs {
        output.object(&RunView::of(run));
    }
    if runs.is_empty() {
        output.note("No runs.");
        return Ok(());
    }
    let rows: Vec<Vec<String>> = runs.iter().map(row).collect();
    let header = ["RUN", "JOB", "SUBJECT", "STATUS", "DONE", "TOTAL", "PARKED", "CREATED"];
    let narrow = || runs.iter().map(narrow).collect();
    for line in fitting(table(&header, &rows), &["RUN", "STATUS", "DONE", "CREATED"], narrow) {
        output.result(line);
    }
    Ok(())
}

fn row(run: &Run) -> Vec<String> {
    vec![
        run.id.clone(),
        run.job.clone(),
        run.subject.clone(),
        run.status.to_string(),
        thousands(run.done),
        run.total.map_or_else(|| "?".to_owned(), thousands),
        thousands(run.parked),
        run.created_at.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
    ]
}

/// Narrow form of the list, for a terminal of 80 columns, half of which an id and a time take up.
fn narrow(run: &Run) -> Stacked {
    let total = run.total.map_or_else(|| "?".to_owned(), thousands);
    let parked = (run.parked > 0).then(|| format!("; {} parked", thousands(run.parked)));
    Stacked {
        cells: vec![
            run.id.clone(),
            run.status.to_string(),
            format!("{} of {total}", thousands(run.done)),
            run.created_at.format("%Y-%m-%d %H:%M").to_string(),
        ],
        below: format!("{} {}{}", run.job, run.subject, parked.unwrap_or_default()),
    }
}
