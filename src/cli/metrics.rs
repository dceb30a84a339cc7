//! `ostrakon metrics`: figures for whoever watches over a server (docs/metrics.md).

use ostrakon_jobs::engine::{
    Status,
    ledger::{self, Run, RunFigures, RunFilter, Waiting},
};
use prometheus::{
    CounterVec, GaugeVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
    core::Collector,
};

use super::{Failure, Output, place::WORKER_TIMEOUT};
use crate::session::Session;

/// Runs under way that are told of one by one; there are hardly ever more than a few.
const RUNS_MAX: i64 = 1_000;

/// What the ledger says.
struct Figures {
    runs: Vec<RunFigures>,
    waiting: Vec<Waiting>,
    under_way: Vec<Run>,
    workers: i64,
}

/// Prints the figures of this moment.
pub(super) async fn run(session: Session, output: Output) -> Result<(), Failure> {
    if output.json {
        return Err(Failure::Usage(
            "figures come in the text format of Prometheus; leave out --json".to_owned(),
        ));
    }
    session.require_ledger().await?;
    let figures = Figures::read(&session).await?;
    let text = figures
        .reported()
        .map_err(|error| Failure::Failed(format!("the figures cannot be written: {error}")))?;
    for line in text.lines() {
        output.result(line);
    }
    Ok(())
}

impl Figures {
    async fn read(session: &Session) -> sqlx::Result<Self> {
        let mut db = session.side_pool.acquire().await?;
        let running =
            RunFilter { status: Some(Status::Running), limit: RUNS_MAX, ..RunFilter::default() };
        Ok(Self {
            runs: ledger::run_figures(&mut db).await?,
            waiting: ledger::longest_waiting(&mut db).await?,
            under_way: ledger::list(&mut db, &running).await?,
            workers: ledger::alive(&mut db, WORKER_TIMEOUT).await?,
        })
    }

    fn reported(&self) -> prometheus::Result<String> {
        let registry = Registry::new();
        self.tell_of_all(&registry)?;
        self.tell_of_each(&registry)?;
        TextEncoder::new().encode_to_string(&registry.gather())
    }

    /// Sums over all runs that the ledger has.
    fn tell_of_all(&self, registry: &Registry) -> prometheus::Result<()> {
        let help = Opts::new("ostrakon_runs", "Runs in the ledger.");
        let runs = registered(registry, IntGaugeVec::new(help, &["job", "status"])?)?;
        let help = Opts::new("ostrakon_items_done_total", "Items dealt with and committed.");
        let done = registered(registry, IntCounterVec::new(help, &["job"])?)?;
        let help = Opts::new("ostrakon_items_parked", "Items left aside with a reason.");
        let parked = registered(registry, IntGaugeVec::new(help, &["job"])?)?;
        let help =
            Opts::new("ostrakon_throttled_seconds_total", "Time for which runs were throttled.");
        let throttled = registered(registry, CounterVec::new(help, &["job"])?)?;
        for of in &self.runs {
            runs.with_label_values(&[of.job.as_str(), of.status.name()]).set(of.runs);
            let job = [of.job.as_str()];
            done.with_label_values(&job).inc_by(u64::try_from(of.done).unwrap_or(0));
            parked.with_label_values(&job).add(of.parked);
            throttled.with_label_values(&job).inc_by(of.throttled.max(0.0));
        }
        let help = Opts::new(
            "ostrakon_waiting_seconds",
            "How long the run that has been due for longest has waited for a worker.",
        );
        let waiting = registered(registry, GaugeVec::new(help, &["class"])?)?;
        for of in &self.waiting {
            waiting.with_label_values(&[of.class.as_str()]).set(of.seconds);
        }
        let workers =
            IntGauge::new("ostrakon_workers", "Workers that have lately given a sign of life.")?;
        registered(registry, workers)?.set(self.workers);
        Ok(())
    }

    /// The runs that are being worked on, one by one.
    fn tell_of_each(&self, registry: &Registry) -> prometheus::Result<()> {
        let help =
            Opts::new("ostrakon_run_items_done", "Items that a run under way has dealt with.");
        let done = registered(registry, IntGaugeVec::new(help, &["job", "run_id"])?)?;
        let help = Opts::new("ostrakon_run_items", "Items that a run under way has in all.");
        let total = registered(registry, IntGaugeVec::new(help, &["job", "run_id"])?)?;
        let help =
            Opts::new("ostrakon_run_throttled", "1: this check throttles a run under way now.");
        let throttles = registered(registry, IntGaugeVec::new(help, &["job", "run_id", "check"])?)?;
        for run in &self.under_way {
            let labels = [run.job.as_str(), run.id.as_str()];
            done.with_label_values(&labels).set(run.done);
            if let Some(items) = run.total {
                total.with_label_values(&labels).set(items);
            }
            if let Some(check) = &run.throttle {
                let [job, id] = labels;
                throttles.with_label_values(&[job, id, check.as_str()]).set(1);
            }
        }
        Ok(())
    }
}

fn registered<C: Collector + Clone + 'static>(
    registry: &Registry,
    metric: C,
) -> prometheus::Result<C> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}
