//! `cargo xtask chaos`: real workers, servers and commands under a seeded schedule of faults, and a
//! judge that reads only the databases.

mod ask;
mod beside;
mod community;
mod environment;
mod fault;
mod fleet;
mod inject;
mod judge;
mod look;
mod operator;
mod report;
mod round;
mod task;

use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Result, bail};
use clap::Parser;
use rand::{SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};
use testkit::{
    Release,
    console::{say, show},
    process::interrupted,
};

use beside::{Beside, Job};
use environment::Environment;
use fault::{Fault, FaultSchedule};
use report::Report;

/// Inject faults while ostrakon works, and judge the results.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask chaos", bin_name = "cargo xtask chaos")]
struct Options {
    /// Minutes of fault injection; the current round is finished and judged.
    #[arg(long, value_name = "N", default_value_t = 10.0, value_parser = minutes)]
    minutes: f64,
    /// Repeat a schedule: the same faults in the same order, to the same victims.
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// What notifies the workers; by default the seed decides.
    #[arg(long, value_name = "NOTIFIER", value_enum)]
    notifier: Option<Notifier>,
    /// Releases whose tables the rounds have, in turn; by default the seed decides, one for each
    /// minute. May be given more than once.
    #[arg(long, value_name = "RELEASE", value_parser = Release::named)]
    release: Vec<&'static Release>,
    /// Inject only this fault. May be given more than once.
    #[arg(long, value_name = "FAULT", value_enum)]
    only: Vec<Fault>,
    /// Inject no faults; run this job alongside a server that works on the same rows, for as long.
    /// May be given more than once.
    #[arg(long, value_name = "JOB", value_enum, conflicts_with = "only")]
    job: Vec<Job>,
}

/// What notifies the workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Notifier {
    /// Redis.
    Redis,
    /// LISTEN and NOTIFY of PostgreSQL.
    Postgres,
}

impl Notifier {
    /// Value of `queue.backend`.
    const fn backend(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Postgres => "postgres",
        }
    }
}

fn minutes(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(minutes) if (0.1..=1440.0).contains(&minutes) => Ok(minutes),
        _ => Err("a number of minutes from 0.1 to 1440".to_owned()),
    }
}

/// Injects faults, and judges the results.
#[tokio::main]
async fn main() -> ExitCode {
    run(&Options::parse()).await.unwrap_or_else(|error| {
        say(format!("error: {error:#}"));
        ExitCode::FAILURE
    })
}

async fn run(options: &Options) -> Result<ExitCode> {
    tokio::select! {
        done = play(options) => done,
        end = interrupted() => bail!("{}; the servers were stopped and removed", end?),
    }
}

async fn play(options: &Options) -> Result<ExitCode> {
    let seed = options.seed.unwrap_or_else(seed_of_now);
    show(format!("chaos: seed {seed}; repeat this schedule with: cargo xtask chaos --seed {seed}"));
    if !options.job.is_empty() {
        let span = Duration::from_secs_f64(options.minutes * 60.0);
        return Ok(verdict(&beside_a_server(options, seed, Some(span)).await?));
    }
    let mut random = StdRng::seed_from_u64(seed);
    let mut schedule = FaultSchedule::of(&options.only);
    let of_seed = if seed.is_multiple_of(2) { Notifier::Redis } else { Notifier::Postgres };
    let notifier = options.notifier.unwrap_or(of_seed);
    say(format!("chaos: workers are notified by {}", notifier.backend()));
    let environment = Environment::build(notifier.backend(), &releases(options, seed)).await?;
    let ends = Instant::now() + Duration::from_secs_f64(options.minutes * 60.0);
    let mut report = Report::begin(seed);
    loop {
        let number = report.rounds + 1;
        round::play(&environment, number, ends, &mut schedule, &mut random, &mut report).await?;
        say(format!("chaos: round {number} is judged; {}", report.line()));
        if Instant::now() >= ends && (schedule.is_drawn_through() || !options.only.is_empty()) {
            break;
        }
    }
    // Without Redis nobody cleans up what the faults left in it.
    if notifier == Notifier::Redis {
        report.violations.extend(judge::queue(&environment).await?);
    }
    report.show();
    let mut beside = Vec::new();
    if options.only.is_empty() {
        // If there is time, a tenth of it for each job.
        let span = (options.minutes > 1.0).then(|| Duration::from_secs_f64(options.minutes * 6.0));
        beside = beside_a_server(options, seed, span).await?;
    }
    Ok(if report.is_clean() { verdict(&beside) } else { ExitCode::FAILURE })
}

/// Releases of the rounds.
fn releases(options: &Options, seed: u64) -> Vec<&'static Release> {
    if !options.release.is_empty() {
        return options.release.clone();
    }
    // The seed's last bit decides on the notifier.
    let mut shuffled: Vec<&Release> = Release::ALL.iter().collect();
    shuffled.shuffle(&mut StdRng::seed_from_u64(seed / 2));
    let minutes = Duration::from_secs_f64(options.minutes * 60.0).as_secs().div_ceil(60);
    shuffled.truncate(usize::try_from(minutes).unwrap_or(usize::MAX).max(1));
    shuffled
}

/// Runs jobs alongside a server, each for the given time, or in one short round.
async fn beside_a_server(
    options: &Options,
    seed: u64,
    span: Option<Duration>,
) -> Result<Vec<String>> {
    beside::play(&Beside { jobs: &options.job, span, seed }).await
}

fn verdict(violations: &[String]) -> ExitCode {
    if violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Returns a different seed each time.
fn seed_of_now() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    now.as_secs()
}
