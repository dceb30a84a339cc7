//! The workers: one process per place, replaced when it has died.

use std::fs;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use ostrakon_engine::FailPoint;
use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::{Mutex, MutexGuard};

use super::environment::Environment;

/// Places for workers. The worker at the first one is never killed; the one at the last has its own
/// network and clock.
pub(super) const PLACES: usize = 5;
pub(super) const LONG_LIVED_WORKER: usize = 0;
pub(super) const DISTANT: usize = PLACES - 1;

/// Settings under which much happens in little time; docs/reliability.md gives the reasons.
const SETTINGS: [(&str, &str); 15] = [
    ("OSTRAKON_WORKER_CONCURRENCY", "2"),
    ("OSTRAKON_WORKER_SHORT_CONCURRENCY", "1"),
    ("OSTRAKON_WORKER_LEASE", "2s"),
    ("OSTRAKON_WORKER_LEASE_RENEWAL", "500ms"),
    ("OSTRAKON_WORKER_RECONCILE_INTERVAL", "300ms"),
    ("OSTRAKON_WORKER_POLL_INTERVAL", "50ms"),
    ("OSTRAKON_WORKER_MAX_CRASHES", "100"),
    ("OSTRAKON_WORKER_MAX_ATTEMPTS", "1000"),
    ("OSTRAKON_BATCH_ROWS_INITIAL", "3"),
    ("OSTRAKON_BATCH_ROWS_MAX", "3"),
    ("OSTRAKON_BATCH_LOCK_TIMEOUT", "2s"),
    ("OSTRAKON_BATCH_STATEMENT_TIMEOUT", "4s"),
    // No session writes late here.
    ("OSTRAKON_BATCH_LATE_WRITES", "100ms"),
    ("OSTRAKON_DATABASE_CONNECT_TIMEOUT", "2s"),
    ("OSTRAKON_LOG_FORMAT", "json"),
];

/// Workers of a round.
pub(super) struct Fleet<'a> {
    environment: &'a Environment,
    places: Vec<Mutex<Place>>,
    born: AtomicU32,
}

/// A place for a worker.
#[derive(Debug)]
pub(super) struct Place {
    number: usize,
    worker: Option<Worker>,
}

/// A worker process.
#[derive(Debug)]
pub(super) struct Worker {
    process: Child,
    /// Fail point at which the worker ends itself.
    pub(super) dies_at: Option<FailPoint>,
}

impl Worker {
    /// Returns the process id, as used in the names of workers.
    pub(super) fn pid(&self) -> i32 {
        i32::try_from(self.process.id()).unwrap_or(i32::MAX)
    }

    /// Sends a signal to the worker.
    pub(super) fn signal(&self, signal: Signal) -> Result<()> {
        let pid = Pid::from_raw(self.pid()).context("no process id")?;
        Ok(kill_process(pid, signal)?)
    }

    /// Returns the exit status if the worker has ended.
    pub(super) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.process.try_wait()?)
    }

    /// Kills the worker like a crash.
    pub(super) fn kill(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended already; a failure cannot be reported from here.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Place {
    /// Returns the worker at this place; `None` only if it has just died.
    pub(super) fn worker(&mut self) -> Option<&mut Worker> {
        self.worker.as_mut()
    }

    /// Whether the worker at this place may be killed.
    pub(super) fn is_mortal(&self) -> bool {
        self.number != LONG_LIVED_WORKER
    }
}

impl<'a> Fleet<'a> {
    /// Starts a worker at every place.
    pub(super) fn launch(environment: &'a Environment) -> Result<Self> {
        let place = |number| Mutex::new(Place { number, worker: None });
        let mut fleet =
            Self { environment, places: (0..PLACES).map(place).collect(), born: AtomicU32::new(0) };
        for number in 0..PLACES {
            let worker = fleet.start(number, None)?;
            fleet.places[number].get_mut().worker = Some(worker);
        }
        Ok(fleet)
    }

    /// Locks a place by its number.
    pub(super) async fn place(&self, number: usize) -> MutexGuard<'_, Place> {
        self.places[number].lock().await
    }

    /// Returns a place whose worker may be killed and that is not locked, starting at a random one.
    /// If `processes` is not empty, the worker is one of them.
    pub(super) fn victim(&self, random: u64, processes: &[i32]) -> Option<MutexGuard<'_, Place>> {
        let first = usize::try_from(random % PLACES as u64).unwrap_or(0);
        let suits = |worker: &Worker| processes.is_empty() || processes.contains(&worker.pid());
        (0..PLACES)
            .filter_map(|step| self.places[(first + step) % PLACES].try_lock().ok())
            .find(|place| place.is_mortal() && place.worker.as_ref().is_some_and(suits))
    }

    /// Starts another worker at a place, optionally with a fail point at which it dies.
    pub(super) fn replace(&self, place: &mut Place, dies_at: Option<FailPoint>) -> Result<()> {
        place.worker = None;
        place.worker = Some(self.start(place.number, dies_at)?);
        Ok(())
    }

    /// Checks all unlocked places; returns those whose worker has ended, with the exit status.
    pub(super) fn dead(&self) -> Result<Vec<(MutexGuard<'_, Place>, ExitStatus)>> {
        let mut dead = Vec::new();
        for place in &self.places {
            let Ok(mut place) = place.try_lock() else { continue };
            let ended = place.worker.as_mut().map(Worker::ended).transpose()?.flatten();
            dead.extend(ended.map(|status| (place, status)));
        }
        Ok(dead)
    }

    /// Returns the path of the log that all workers of a place share.
    pub(super) fn log(&self, number: usize) -> Result<PathBuf> {
        Ok(self.environment.ostrakon.folder()?.join(format!("worker-{number}.log")))
    }

    fn start(&self, number: usize, dies_at: Option<FailPoint>) -> Result<Worker> {
        let log = fs::File::options().create(true).append(true).open(self.log(number)?)?;
        let ostrakon = &self.environment.ostrakon;
        let mut command = Command::new(ostrakon.path());
        command
            .arg("worker")
            .env_clear()
            .envs(ostrakon.environment())
            .envs(SETTINGS)
            // Ctrl-C is for this program only.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        if let Some(place) = dies_at {
            // Vary the moment: batches pass these fail points often.
            let born = self.born.fetch_add(1, Ordering::Relaxed);
            let excluded = if may_come_often(place) { born % 7 } else { 0 };
            command.env("FAILPOINTS", format!("{}={excluded}*off->return", place.name()));
        }
        if number == DISTANT {
            command
                .env("OSTRAKON_DATABASE_URL", &self.environment.postgres_link.1)
                .env("OSTRAKON_REDIS_URL", &self.environment.redis_link.1)
                .envs(self.environment.clock.environment());
        }
        let process = command.spawn().context("a worker cannot be started")?;
        Ok(Worker { process, dies_at })
    }
}

const fn may_come_often(place: FailPoint) -> bool {
    matches!(
        place,
        FailPoint::BeforeClaim
            | FailPoint::AfterClaim
            | FailPoint::BeforeBatchCommit
            | FailPoint::AfterBatchCommit
    )
}

/// Whether a process was ended by SIGKILL.
pub(super) fn was_killed(status: ExitStatus) -> bool {
    status.signal() == Some(9)
}

/// Approximate time until a new worker starts to work.
pub(super) const BIRTH: Duration = Duration::from_millis(150);
