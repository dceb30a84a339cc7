//! `cargo xtask bench live`: what a running server feels while an account's posts are deleted.

mod acts;
mod deletion;
mod latency;
mod load;
mod report;
mod scenario;
mod town;

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use sqlx::{Connection as _, PgConnection};
use testkit::Postgres;
use tokio::time::sleep;

use super::kind::Kind as Job;
use super::{COPY, SEEDED, fresh_copy, seed, start_server};
use crate::console::say;
use crate::kenoma::Kenoma;
use crate::provision;
use deletion::{Deleted, Limits, delete};
use latency::{Quantiles, Sample};
use load::{Demand, Kind, Load};
use report::{Measured, Of, show, violations};
use scenario::{ALONE, Deletion, SCENARIOS, Scenario, find};
use town::Town;

/// What can be typed.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// Posts of the account.
    #[arg(long, value_name = "N", default_value_t = 100_000,
          value_parser = clap::value_parser!(i32).range(1_000..=2_000_000))]
    posts: i32,
    /// New posts a second in the foreground; as many likes, and as many reads of timelines.
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rate: u32,
    /// Clients that post, that like, and that read each kind of timeline.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=50))]
    clients: u32,
    /// New posts to measure per scenario and round: a deletion that ends sooner is done again on
    /// another copy.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(50..=100_000))]
    samples: u32,
    /// How often all scenarios are measured; medians count.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=50))]
    rounds: u32,
    /// Measure only this scenario, beside `alone`. May be given more than once.
    #[arg(long, value_name = "SCENARIO", value_parser = find)]
    only: Vec<&'static Scenario>,
    /// Another setting for kenoma, such as `KENOMA_BATCH_ROWS_MAX=100`. May be given more than once.
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    env: Vec<(String, String)>,
    /// Seconds after which a bare procedure is cut off.
    #[arg(long, value_name = "S", default_value_t = 180, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    patience: u32,
    /// Append the raw numbers to this file, a JSON object per line.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

fn assignment(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("not of the form NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// The foreground works for so long before anything counts: connections, plans, caches.
const WARM_UP: Duration = Duration::from_secs(2);

/// Measures everything, shows it, and fails if a bound is broken.
pub(super) async fn run(options: &Options) -> Result<()> {
    provision::run()?;
    let mut kenoma = Kenoma::build().await?;
    let postgres = start_server()?;
    let job = Job::DeleteActivities { posts: options.posts };
    say(format!("xtask: seeding {} …", job.describe()));
    seed(&postgres, job).await?;
    kenoma.connect(postgres.url(SEEDED), None);
    kenoma.perform(&["migrate"]).await?;
    let mut db = PgConnection::connect(&postgres.url(SEEDED)).await?;
    sqlx::raw_sql(include_str!("original.sql")).execute(&mut db).await?;
    let town = Arc::new(Town::read(&mut db).await?);
    db.close().await?;
    kenoma.connect(postgres.url(COPY), None);

    let bench = Bench { options, postgres: &postgres, kenoma: &kenoma, town };
    let mut all = Vec::new();
    for round in 1..=options.rounds {
        for scenario in bench.scenarios() {
            let measured = bench.measure(scenario).await?;
            say(format!("xtask: round {round} of {}: {} is done", options.rounds, scenario.name));
            if let Some(file) = &options.record {
                append(file, &measured.record(round, options))?;
            }
            all.push(measured);
        }
    }
    show(&all, options);
    let broken = violations(&all);
    ensure!(broken.is_empty(), "the server feels too much of it: {}", broken.join("; "));
    Ok(())
}

fn append(file: &PathBuf, line: &serde_json::Value) -> Result<()> {
    let name = file.display();
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(file)
        .with_context(|| format!("{name} cannot be written"))?;
    Ok(writeln!(file, "{line}")?)
}

struct Bench<'a> {
    options: &'a Options,
    postgres: &'a Postgres,
    kenoma: &'a Kenoma,
    town: Arc<Town>,
}

impl Bench<'_> {
    fn scenarios(&self) -> impl Iterator<Item = &'static Scenario> {
        let wanted = |scenario: &&Scenario| {
            let only = &self.options.only;
            only.is_empty()
                || scenario.name == ALONE
                || only.iter().any(|s| s.name == scenario.name)
        };
        SCENARIOS.iter().filter(wanted)
    }

    /// Measures a scenario, on as many copies as it takes to have enough samples.
    async fn measure(&self, scenario: &'static Scenario) -> Result<Measured> {
        let Options { samples: enough, rate, patience, .. } = *self.options;
        let limits = Limits {
            enough: Duration::from_secs_f64(f64::from(enough) / f64::from(rate) * 1.05),
            patience: Duration::from_secs(patience.into()),
        };
        let (mut samples, mut seconds, mut posts) = (Vec::new(), 0.0, 0);
        loop {
            let (deleted, more) = self.pass(scenario.deletion, limits).await?;
            samples.extend(more);
            seconds += deleted.ended.duration_since(deleted.begun).as_secs_f64();
            posts += deleted.posts;
            let posted = Quantiles::of(&samples, Kind::Post).samples;
            if posted >= usize::try_from(enough)? {
                break;
            }
        }
        let of = Kind::ALL.map(|kind| Of { kind, quantiles: Quantiles::of(&samples, kind) });
        Ok(Measured { scenario, of, seconds, posts })
    }

    /// One deletion. Gives what was to start while it went on.
    async fn pass(&self, deletion: Deletion, limits: Limits) -> Result<(Deleted, Vec<Sample>)> {
        fresh_copy(self.postgres).await?;
        let url = self.postgres.url(COPY);
        let demand = Demand { rate: self.options.rate.into(), clients: self.options.clients };
        let load = Load::start(&url, Arc::clone(&self.town), demand).await?;
        sleep(WARM_UP).await;
        let deleted = delete(&url, self.kenoma, &self.options.env, deletion, limits).await?;
        let mut samples = load.finish().await?;
        samples.retain(|sample| (deleted.begun..deleted.ended).contains(&sample.due));
        Ok((deleted, samples))
    }
}
