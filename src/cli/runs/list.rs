//! `ostrakon runs list`

use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use ostrakon_engine::{
    Status,
    ledger::{self, Group, Run, RunFilter},
};
use ostrakon_jobs::AnyJob;

use super::parse_id;
use crate::{
    cli::{
        Failure, Output,
        output::{Stacked, fitting, table},
    },
    numbers::{counted, thousands},
    requests::{self, GroupView, RunView},
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
    /// List the runs of this group, in the order of their turns.
    #[arg(long, value_name = "GROUP", value_parser = parse_id, conflicts_with = "job")]
    group: Option<String>,
    /// Maximum number of lines.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=100_000))]
    limit: i64,
}

/// Accepts a status by its name.
fn status_parser() -> impl TypedValueParser<Value = Status> {
    PossibleValuesParser::new(Status::ALL.map(Status::name)).try_map(|typed| {
        Status::ALL.into_iter().find(|status| status.name() == typed).ok_or("no status")
    })
}

/// Lists runs, and groups as one line each; or the runs of one group.
pub(super) async fn run(
    options: &Options,
    session: &Session,
    output: Output,
) -> Result<(), Failure> {
    let entries = entries(options, session).await?;
    for entry in &entries {
        match entry {
            Entry::Run(run) => output.object(&RunView::of(run)),
            Entry::Group(group) => output.object(&GroupView::of(group)),
        }
    }
    if entries.is_empty() {
        output.note("No runs.");
        return Ok(());
    }
    let rows: Vec<Vec<String>> = entries.iter().map(Entry::row).collect();
    let header = ["RUN", "JOB", "SUBJECT", "STATUS", "DONE", "TOTAL", "PARKED", "CREATED"];
    let narrow = || entries.iter().map(Entry::narrow).collect();
    for line in fitting(table(&header, &rows), &["RUN", "STATUS", "DONE", "CREATED"], narrow) {
        output.result(line);
    }
    Ok(())
}

/// One line of the list.
enum Entry {
    Run(Box<Run>),
    Group(Box<Group>),
}

/// Reads what is to be listed: newest first, but a group's runs in the order of their turns.
async fn entries(options: &Options, session: &Session) -> Result<Vec<Entry>, Failure> {
    let Options { status, job, group, limit } = options;
    if let Some(id) = group {
        let group = requests::find_group(session, id).await?;
        let mut db = session.side_pool.acquire().await?;
        let runs = ledger::runs_of_group(&mut db, &group.id, *status, *limit).await?;
        return Ok(runs.into_iter().map(|run| Entry::Run(Box::new(run))).collect());
    }
    let filter = RunFilter { status: *status, job: job.clone(), single: true, limit: *limit };
    let mut db = session.side_pool.acquire().await?;
    let runs = ledger::list(&mut db, &filter).await?;
    let groups = ledger::groups(&mut db, job.as_deref(), *status, *limit).await?;
    let mut entries: Vec<Entry> = runs.into_iter().map(|run| Entry::Run(Box::new(run))).collect();
    entries.extend(groups.into_iter().map(|group| Entry::Group(Box::new(group))));
    // Ids are in the order of the requests.
    entries.sort_by(|one, other| other.id().cmp(one.id()));
    entries.truncate(usize::try_from(*limit).unwrap_or(usize::MAX));
    Ok(entries)
}

/// What a line shows.
struct Shown<'a> {
    id: &'a str,
    job: &'a str,
    subject: String,
    status: String,
    done: i64,
    total: Option<i64>,
    parked: i64,
    created_at: DateTime<Utc>,
}

impl Entry {
    fn id(&self) -> &str {
        match self {
            Self::Run(run) => &run.id,
            Self::Group(group) => &group.id,
        }
    }

    fn shown(&self) -> Shown<'_> {
        match self {
            Self::Run(run) => Shown {
                id: &run.id,
                job: &run.job,
                subject: run.subject.clone(),
                status: run.status.to_string(),
                done: run.done,
                total: run.total,
                parked: run.parked,
                created_at: run.created_at,
            },
            Self::Group(group) => Shown {
                id: &group.id,
                job: &group.job,
                subject: format!("{}{}", group.subject, progress(group)),
                status: group.status().to_string(),
                done: group.done,
                total: Some(group.total),
                parked: group.parked,
                created_at: group.created_at,
            },
        }
    }

    fn row(&self) -> Vec<String> {
        let Shown { id, job, subject, status, done, total, parked, created_at } = self.shown();
        vec![
            id.to_owned(),
            job.to_owned(),
            subject,
            status,
            thousands(done),
            total.map_or_else(|| "?".to_owned(), thousands),
            thousands(parked),
            created_at.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
        ]
    }

    /// Narrow form of the list, for a terminal of 80 columns, half of which an id and a time take
    /// up.
    fn narrow(&self) -> Stacked {
        let Shown { id, job, subject, status, done, total, parked, created_at } = self.shown();
        let total = total.map_or_else(|| "?".to_owned(), thousands);
        let parked = (parked > 0).then(|| format!("; {} parked", thousands(parked)));
        Stacked {
            cells: vec![
                id.to_owned(),
                status,
                format!("{} of {total}", thousands(done)),
                created_at.format("%Y-%m-%d %H:%M").to_string(),
            ],
            below: format!("{job} {subject}{}", parked.unwrap_or_default()),
        }
    }
}

/// How far an unfinished group is: ` (17 of 2,000 runs done, 12 %, 5m left)`.
pub(super) fn progress(group: &Group) -> String {
    let runs = counted(group.runs(), "runs");
    if group.unfinished() == 0 {
        return format!(" ({runs})");
    }
    let left = group.time_left().and_then(|left| left.to_std().ok()).map(|left| {
        let whole_seconds = Duration::from_secs(left.as_secs());
        format!(", {} left", humantime::format_duration(whole_seconds))
    });
    let ended = thousands(group.finished());
    format!(" ({ended} of {runs} done, {} %{})", group.per_cent(), left.unwrap_or_default())
}
