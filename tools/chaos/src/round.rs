//! One round: all tasks are requested, faults are injected until they are done, and the judge
//! checks the result.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use futures::future::join_all;
use futures::stream::{FuturesUnordered, StreamExt as _, TryStreamExt as _, iter};
use rand::{RngExt as _, rngs::StdRng};
use rustix::process::Signal;
use sqlx::PgPool;
use testkit::console::say;
use tokio::time::sleep;

use super::environment::{Environment, PREFIX};
use super::fault::{Fault, FaultSchedule};
use super::fleet::{Fleet, LONG_LIVED_WORKER, PLACES, was_killed};
use super::report::{Report, Tally};
use super::task::{self, Task};
use super::{ask, inject, judge};

/// Number of clients that request runs simultaneously.
const CLIENTS: usize = 3;

/// Maximum number of simultaneous faults.
const AT_ONCE: usize = 4;

/// Time between the starts of two faults, in milliseconds.
const GAP_MS: std::ops::Range<u64> = 80..420;

/// Maximum time without progress, and time limit for a worker to end.
const STUCK: Duration = Duration::from_mins(3);

/// Extra time for each row, so that enough faults happen before a round is over.
const PAUSE_MS: i32 = 25;

/// Maximum number of attempts at a fault that hits no run.
const TRIES: u32 = 3;

/// Interval between checks of workers and queues.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Counts the messages of a queue that ostrakon wrote: their ids are ULIDs.
const OURS: &str = "
    local ours = 0
    for _, ids in ipairs({
        redis.call('LRANGE', KEYS[1] .. ':active', 0, -1),
        redis.call('ZRANGE', KEYS[1] .. ':scheduled', 0, -1),
    }) do
        for _, id in ipairs(ids) do
            if #id == 26 then ours = ours + 1 end
        end
    end
    return ours";

/// State that all fault injectors share.
pub(super) struct Round<'a> {
    pub(super) environment: &'a Environment,
    pub(super) fleet: Fleet<'a>,
    /// Whether there is time for faults that last for minutes.
    pub(super) is_long: bool,
    pub(super) phases: Vec<Vec<Task>>,
    db: PgPool,
    tally: Mutex<Tally>,
    is_done: AtomicBool,
}

/// Plays a round and adds it to the report.
pub(super) async fn play(
    environment: &Environment,
    number: u32,
    ends: Instant,
    schedule: &mut FaultSchedule,
    random: &mut StdRng,
    report: &mut Report,
) -> Result<()> {
    let community = environment.community(number)?;
    say(format!("chaos: round {number} is on {}", community.release.name));
    let db = environment.fresh_arena(community).await?;
    sqlx::query("update chaos.conditions set pause_ms = $1").bind(PAUSE_MS).execute(&db).await?;
    let round = Round {
        environment,
        fleet: Fleet::launch(environment)?,
        is_long: ends.saturating_duration_since(Instant::now()) > Duration::from_mins(5),
        phases: task::phases(),
        db: db.clone(),
        tally: Mutex::default(),
        is_done: AtomicBool::new(false),
    };
    let inject_faults = inject_faults(&round, ends, schedule, random);
    let (worked, (), watched) = tokio::join!(work(&round), inject_faults, watch(&round));
    for failed in [worked, watched].into_iter().filter_map(Result::err) {
        round.violation(format!("{failed:#}"));
    }
    round.stop_workers().await?;
    let verdict = judge::round(community, &db).await?;
    db.close().await;
    let tally = round.tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    for violation in tally.violations.iter().chain(&verdict.violations) {
        say(format!("chaos: round {number}: VIOLATION: {violation}"));
    }
    report.add(tally, verdict);
    Ok(())
}

/// Requests all tasks, phase by phase, and waits until they are done.
async fn work(round: &Round<'_>) -> Result<()> {
    let done = async {
        for phase in &round.phases {
            iter(phase.iter().enumerate())
                .map(|(number, task)| ask::queue(round, task, number))
                .buffer_unordered(CLIENTS)
                .try_collect::<Vec<()>>()
                .await?;
            round.all_is_done().await?;
        }
        Ok(())
    }
    .await;
    round.is_done.store(true, Ordering::Relaxed);
    done
}

/// Injects faults until the work is done or the time is up.
async fn inject_faults(
    round: &Round<'_>,
    ends: Instant,
    schedule: &mut FaultSchedule,
    random: &mut StdRng,
) {
    let mut under_way = FuturesUnordered::new();
    while !round.is_done() && (Instant::now() < ends || !schedule.is_drawn_through()) {
        let (fault, chance) = schedule.draw(random);
        let gap = Duration::from_millis(random.random_range(GAP_MS));
        under_way.push(make(round, fault, chance));
        tokio::select! {
            () = sleep(gap) => {}
            Some(()) = under_way.next() => sleep(gap).await,
        }
        while under_way.len() >= AT_ONCE {
            under_way.next().await;
        }
    }
    while under_way.next().await.is_some() {}
}

/// Injects a fault. Repeats it if it hit no run, unless the fault leaves that to chance.
async fn make(round: &Round<'_>, fault: Fault, chance: u64) {
    let mut tries = 0;
    while !round.is_done() {
        round.waits_for_work().await;
        match inject::make(round, fault, chance).await {
            // Counted when it has hit.
            Ok(_) if fault == Fault::WorkerFailpoint => return,
            // All possible victims were busy.
            Ok(None) => sleep(POLL_INTERVAL).await,
            Ok(Some(hit)) => {
                round.tally().fault(fault, hit);
                tries += 1;
                if hit || fault == Fault::WorkerKill || tries == TRIES {
                    return;
                }
            }
            Err(error) if round.is_done() => {
                say(format!("chaos: {} came too late: {error:#}", fault.name()));
                return;
            }
            Err(error) => {
                round.violation(format!("{}: {error:#}", fault.name()));
                return;
            }
        }
    }
}

/// Replaces dead workers, and samples queues and memory.
async fn watch(round: &Round<'_>) -> Result<()> {
    let begun = Instant::now();
    let mut looks = 0_u32;
    while !round.is_done() {
        for (mut place, status) in round.fleet.dead()? {
            let Some(worker) = place.worker() else { continue };
            let (pid, dies_at) = (worker.pid(), worker.dies_at);
            match (dies_at, status.code()) {
                (Some(point), _) if was_killed(status) => {
                    let hit = round.ever_worked(pid).await?;
                    round.tally().died_at(point, hit);
                }
                // A worker that cannot reach PostgreSQL when it starts reports this and ends.
                (_, Some(8)) => {}
                _ => round.violation(format!("a worker ended by itself with {status}")),
            }
            round.fleet.replace(&mut place, None)?;
        }
        looks += 1;
        if looks.is_multiple_of(5) {
            round.look_at_queues();
            round.look_at_memory(begun).await;
        }
        sleep(POLL_INTERVAL).await;
    }
    Ok(())
}

impl Round<'_> {
    /// Returns a superuser's connections to the arena.
    pub(super) fn db(&self) -> &PgPool {
        &self.db
    }

    pub(super) fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn violation(&self, text: String) {
        self.tally().violations.push(text);
    }

    pub(super) fn is_done(&self) -> bool {
        self.is_done.load(Ordering::Relaxed)
    }

    /// Waits until no run is left, including those that an operator has cancelled temporarily.
    async fn all_is_done(&self) -> Result<()> {
        let begun = Instant::now();
        let mut left = (i64::MAX, Instant::now());
        loop {
            let counts = self.counts().await?;
            if counts.failed > 0 {
                bail!("a run has failed: {:?}", self.last_error().await?);
            }
            if counts.unfinished == 0 {
                return Ok(());
            }
            if counts.items_left < left.0 {
                left = (counts.items_left, Instant::now());
            }
            if left.1.elapsed() > STUCK {
                bail!(
                    "{} runs are stuck: nothing has happened for {STUCK:?} ({:?} since the phase \
                     began)",
                    counts.unfinished,
                    begun.elapsed()
                );
            }
            sleep(POLL_INTERVAL).await;
        }
    }

    fn look_at_queues(&self) {
        // A fault that affects Redis holds this lock.
        let Ok(redis) = self.environment.redis.try_lock() else { return };
        let messages = ["long", "short"].map(|class| {
            let answer = redis.command(&["EVAL", OURS, "1", &format!("{PREFIX}:{class}")]);
            // A key of the wrong type is one of the faults.
            answer.ok().and_then(|number| number.trim().parse().ok()).unwrap_or(0)
        });
        let mut tally = self.tally();
        tally.most_messages = tally.most_messages.max(messages.iter().sum());
    }

    async fn look_at_memory(&self, begun: Instant) {
        let mut place = self.fleet.place(LONG_LIVED_WORKER).await;
        let Some(worker) = place.worker() else { return };
        let Some(kib) = memory_kib(worker.pid()) else { return };
        let mut tally = self.tally();
        let (early, late) = &mut tally.memory_kib;
        let half = if begun.elapsed() < Duration::from_secs(20) { early } else { late };
        *half = (*half).max(kib);
    }

    /// Stops all workers.
    async fn stop_workers(&self) -> Result<()> {
        let stopping = (0..PLACES).map(|number| async move {
            let mut place = self.fleet.place(number).await;
            let Some(worker) = place.worker() else { return Ok(()) };
            worker.signal(Signal::TERM)?;
            let ended = inject::eventually("the end of a worker", STUCK, async || worker.ended());
            let status = ended.await?;
            if !status.success() && !was_killed(status) {
                self.violation(format!("a worker ended with {status}"));
            }
            Ok(())
        });
        join_all(stopping).await.into_iter().collect()
    }
}

/// Returns the resident memory of a process.
fn memory_kib(pid: i32) -> Option<i64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}
