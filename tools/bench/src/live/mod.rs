//! `cargo xtask bench live`: how a deletion of an account's posts affects a running server.

mod acts;
mod deletion;
mod latency;
mod load;
mod population;
mod report;
mod scenario;
mod stalls;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use testkit::{Community, Outcomes, StandIn, console::say};
use tokio::time::sleep;

use super::env::{BenchEnv, COPY, Common, SEEDED};
use super::kind::Kind as Job;
use deletion::{Deleted, Limits, delete};
use latency::{Quantiles, Sample};
use load::{Demand, Kind, Load};
use population::Population;
use report::{Measured, Of, judge, show};
use scenario::{ALONE, Deletion, SCENARIOS, Scenario, find};
use stalls::{Stall, Watch};

/// Options of `cargo xtask bench live`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// Posts of the account.
    #[arg(long, value_name = "N", default_value_t = 100_000,
          value_parser = clap::value_parser!(i32).range(1_000..=2_000_000))]
    posts: i32,
    /// New posts per second in the foreground; as many likes, and as many reads of timelines.
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rate: u32,
    /// Clients for each of posts, likes and either kind of timeline.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=50))]
    clients: u32,
    /// New posts to measure per scenario and round. A deletion that ends sooner is repeated on
    /// another copy; one by ostrakon that takes longer is cut off.
    #[arg(long, value_name = "N", default_value_t = 1_800, value_parser = clap::value_parser!(u32).range(50..=100_000))]
    samples: u32,
    /// Measure only this scenario, and `alone`. May be given more than once.
    #[arg(long, value_name = "SCENARIO", value_parser = find)]
    only: Vec<&'static Scenario>,
    /// Extra setting for ostrakon, such as `OSTRAKON_BATCH_ROWS_MAX=100`. May be given more than
    /// once.
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    env: Vec<(String, String)>,
    /// Seconds after which a bare procedure is cut off.
    #[arg(long, value_name = "S", default_value_t = 180, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    timeout: u32,
    #[command(flatten)]
    pub(super) common: Common,
}

fn assignment(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("not of the form NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Duration of the foreground's work before measurements count: connections, plans, caches.
const WARM_UP: Duration = Duration::from_secs(2);

/// Load of the stand-in for the server, which works on the very posts that are deleted: about 40
/// transactions per second. They are not measured, and none of them may be lost.
const CLIENTS: u32 = 4;
const PAUSE: Duration = Duration::from_millis(100);

/// Measures all scenarios and shows the results.
pub(super) async fn run(env: &mut BenchEnv, options: &Options) -> Result<()> {
    let job = Job::DeleteActivities { posts: options.posts };
    let procedures =
        concat!(include_str!("../floor_delete_activities.sql"), include_str!("original.sql"));
    env.seed(SEEDED, job.community(env.community()), procedures).await?;
    let mut db = env.connect(SEEDED).await?;
    let population = Arc::new(Population::read(&mut db).await?);
    drop(db);

    let mut bench = Bench { options, env, population };
    let mut all = Vec::new();
    for round in 1..=bench.env.rounds {
        for scenario in scenarios(options) {
            let measured = bench.measure(scenario).await?;
            let of = bench.env.rounds;
            say(format!("xtask: round {round} of {of}: {} is done", scenario.name));
            measured.record(&bench.env.recorder, round, options)?;
            all.push(measured);
        }
    }
    show(&all, options);
    judge(&all, &mut bench.env.judge);
    Ok(())
}

fn scenarios(options: &Options) -> impl Iterator<Item = &'static Scenario> {
    let wanted = |scenario: &&Scenario| {
        let only = &options.only;
        only.is_empty()
            || scenario.name == ALONE
            || only.iter().any(|one| one.name == scenario.name)
    };
    SCENARIOS.iter().filter(wanted)
}

/// One deletion, the transactions scheduled meanwhile, and the stalls of the disk.
struct Pass {
    deleted: Deleted,
    samples: Vec<Sample>,
    stalls: Vec<Stall>,
    stand_in: Outcomes,
}

struct Bench<'a> {
    options: &'a Options,
    env: &'a mut BenchEnv,
    population: Arc<Population>,
}

impl Bench<'_> {
    /// Measures a scenario, on as many copies as it takes to have enough samples.
    async fn measure(&mut self, scenario: &'static Scenario) -> Result<Measured> {
        let Options { samples: enough, rate, timeout, .. } = *self.options;
        let limits = Limits {
            enough: Duration::from_secs_f64(f64::from(enough) / f64::from(rate) * 1.05),
            timeout: Duration::from_secs(timeout.into()),
        };
        let (mut samples, mut stalls) = (Vec::new(), Vec::new());
        let (mut seconds, mut posts, mut stand_in) = (0.0, 0, (0, 0));
        loop {
            let pass = self.pass(scenario.deletion, limits).await?;
            samples.extend(pass.samples);
            stalls.extend(pass.stalls);
            seconds += pass.deleted.ended.duration_since(pass.deleted.begun).as_secs_f64();
            posts += pass.deleted.posts;
            for lost in &pass.stand_in.lost {
                say(format!("xtask: {}: the server lost a transaction: {lost}", scenario.name));
            }
            stand_in.0 += pass.stand_in.lost.len();
            stand_in.1 += pass.stand_in.committed();
            let posted = samples.iter().filter(|sample| sample.kind == Kind::Post).count();
            if posted >= usize::try_from(enough)? {
                break;
            }
        }
        let of =
            Kind::ALL.map(|kind| Of { kind, quantiles: Quantiles::of(&samples, &stalls, kind) });
        let stalled = stalls.iter().map(|stall| stall.lasted.as_secs_f64()).sum();
        Ok(Measured { scenario, of, seconds, posts, stalled, stand_in })
    }

    /// Measures one deletion.
    async fn pass(&mut self, deletion: Deletion, limits: Limits) -> Result<Pass> {
        self.env.fresh_copy(SEEDED).await?;
        let url = self.env.postgres.url(COPY);
        let demand = Demand { rate: self.options.rate.into(), clients: self.options.clients };
        let stand_in = StandIn {
            clients: CLIENTS,
            pause: PAUSE,
            seed: 1,
            account: Community::PROLIFIC.to_owned(),
        };
        let watch = Watch::start()?;
        let stand_in = stand_in.start(&url).await?;
        let load = Load::start(&url, Arc::clone(&self.population), demand).await?;
        sleep(WARM_UP).await;
        let deleted = delete(&url, &self.env.ostrakon, &self.options.env, deletion, limits).await?;
        let stand_in = stand_in.finish().await?;
        let mut samples = load.finish().await?;
        samples.retain(|sample| (deleted.begun..deleted.ended).contains(&sample.due));
        Ok(Pass { deleted, samples, stalls: watch.finish().await?, stand_in })
    }
}
