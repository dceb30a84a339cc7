//! `ostrakon metrics`: figures for a monitoring system (docs/metrics.md).

use ostrakon_engine::{
    Status,
    ledger::{self, Run, RunFigures, RunFilter, Waiting},
};
use prometheus::{
    CounterVec, GaugeVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
    core::Collector,
};

use super::{Failure, Output};
use crate::requests::WORKER_TIMEOUT;
use crate::session::Session;

/// Maximum number of running runs listed individually; there are rarely more than a few.
const RUNS_MAX: i64 = 1_000;

/// Figures read from the ledger.
struct Figures {
    runs: Vec<RunFigures>,
    waiting: Vec<Waiting>,
    under_way: Vec<Run>,
    workers: i64,
}

/// Prints the current figures.
pub(super) async fn run(session: Session, output: Output) -> Result<(), Failure> {
    if output.json {
        return Err(Failure::Usage(
            "metrics come in the Prometheus text format only; leave out --json".to_owned(),
        ));
    }
    session.require_ledger().await?;
    let figures = Figures::read(&session).await?;
    let text = figures
        .reported()
        .map_err(|error| Failure::Failed(format!("the metrics cannot be encoded: {error}")))?;
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

    /// Totals over all runs in the ledger.
    fn tell_of_all(&self, registry: &Registry) -> prometheus::Result<()> {
        let help = Opts::new("ostrakon_runs", "Runs in the ledger.");
        let runs = registered(registry, IntGaugeVec::new(help, &["job", "status"])?)?;
        let help = Opts::new("ostrakon_items_done_total", "Items done and committed.");
        let done = registered(registry, IntCounterVec::new(help, &["job"])?)?;
        let help = Opts::new("ostrakon_items_parked", "Items parked, each with a reason.");
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
            "Time for which the run due the longest has waited for a worker.",
        );
        let waiting = registered(registry, GaugeVec::new(help, &["class"])?)?;
        for of in &self.waiting {
            waiting.with_label_values(&[of.class.as_str()]).set(of.seconds);
        }
        let workers = IntGauge::new("ostrakon_workers", "Workers that have reported recently.")?;
        registered(registry, workers)?.set(self.workers);
        Ok(())
    }

    /// Figures of each run that is being worked on.
    fn tell_of_each(&self, registry: &Registry) -> prometheus::Result<()> {
        let help = Opts::new("ostrakon_run_items_done", "Items that a running run has done.");
        let done = registered(registry, IntGaugeVec::new(help, &["job", "run_id"])?)?;
        let help = Opts::new("ostrakon_run_items", "Items that a running run has in total.");
        let total = registered(registry, IntGaugeVec::new(help, &["job", "run_id"])?)?;
        let help =
            Opts::new("ostrakon_run_throttled", "1: this check throttles a running run now.");
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
