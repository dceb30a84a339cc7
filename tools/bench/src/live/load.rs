//! The foreground: clients that do what the server does, on a fixed schedule.
//!
//! The start of each transaction is scheduled in advance. If all clients are busy, the transaction
//! waits, and its wait counts as latency. Otherwise a stall of ten seconds would be one slow
//! transaction instead of ten seconds without a post.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde::Serialize;
use sqlx::{Connection as _, PgConnection};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use super::acts::Acts;
use super::latency::Sample;
use super::population::Population;

/// Kind of a foreground transaction. Each kind has its own clients, so that one that stalls does
/// not hide behind another: a real server has one pool of connections, and all of it stalls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Post,
    Like,
    Home,
    Public,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Post, Self::Like, Self::Home, Self::Public];

    pub(super) const fn describe(self) -> &'static str {
        match self {
            Self::Post => "new posts",
            Self::Like => "likes",
            Self::Home => "reads of a home timeline",
            Self::Public => "reads of the public timeline",
        }
    }

    /// Returns the number of transactions of this kind per post.
    const fn share(self) -> f64 {
        match self {
            Self::Post | Self::Like => 1.0,
            Self::Home | Self::Public => 0.5,
        }
    }
}

/// Load of the foreground.
#[derive(Debug, Clone, Copy)]
pub(super) struct Demand {
    /// New posts per second; there are as many likes, and as many reads.
    pub(super) rate: f64,
    /// Number of clients of each kind.
    pub(super) clients: u32,
}

type Due = mpsc::UnboundedReceiver<Instant>;

/// The running foreground.
#[derive(Debug)]
pub(super) struct Load {
    enough: Arc<AtomicBool>,
    clients: JoinSet<Result<Vec<Sample>>>,
}

impl Load {
    /// Connects the clients and starts the schedule.
    pub(super) async fn start(
        url: &str,
        population: Arc<Population>,
        demand: Demand,
    ) -> Result<Self> {
        let enough = Arc::new(AtomicBool::new(false));
        let mut clients = JoinSet::new();
        let mut schedules = Vec::new();
        for kind in Kind::ALL {
            let (sender, due) = mpsc::unbounded_channel();
            schedules.push((kind, sender));
            let due = Arc::new(Mutex::new(due));
            for _ in 0..demand.clients {
                let db = PgConnection::connect(url).await.context("a client cannot connect")?;
                clients.spawn(work(db, Acts::new(Arc::clone(&population)), kind, Arc::clone(&due)));
            }
        }
        for (kind, sender) in schedules {
            let period = Duration::from_secs_f64(1.0 / (demand.rate * kind.share()));
            let enough = Arc::clone(&enough);
            // A thread, because tokio's own clock has a resolution of whole milliseconds.
            thread::spawn(move || keep_time(period, &sender, &enough));
        }
        Ok(Self { enough, clients })
    }

    /// Ends the schedule, lets the clients finish what is still due, and returns all samples.
    pub(super) async fn finish(mut self) -> Result<Vec<Sample>> {
        self.enough.store(true, Ordering::Relaxed);
        let mut samples = Vec::new();
        while let Some(client) = self.clients.join_next().await {
            samples.extend(client??);
        }
        Ok(samples)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.enough.store(true, Ordering::Relaxed);
    }
}

/// Sends one due time per period, at a random moment within it: a regular beat could coincide with
/// the batches.
#[expect(clippy::disallowed_methods, reason = "on a thread that does nothing else")]
fn keep_time(period: Duration, due: &mpsc::UnboundedSender<Instant>, enough: &AtomicBool) {
    let mut random = StdRng::seed_from_u64(7);
    let mut beat = Instant::now();
    while !enough.load(Ordering::Relaxed) {
        let moment = beat + period.mul_f64(random.random_range(0.0..1.0));
        thread::sleep(moment.saturating_duration_since(Instant::now()));
        if due.send(moment).is_err() {
            return;
        }
        beat += period;
    }
}

/// Runs one client: performs what is due, and records its duration.
async fn work(
    mut db: PgConnection,
    mut acts: Acts,
    kind: Kind,
    due: Arc<Mutex<Due>>,
) -> Result<Vec<Sample>> {
    let mut samples = Vec::new();
    loop {
        let next = due.lock().await.recv().await;
        let Some(due) = next else { break };
        let failed = match acts.perform(&mut db, kind).await {
            Ok(()) => false,
            // For example a deadlock: a client of the server would see an error page.
            Err(sqlx::Error::Database(_)) => true,
            Err(error) => return Err(error).context("a client of the foreground failed"),
        };
        samples.push(Sample { kind, due, latency: due.elapsed(), failed });
    }
    db.close().await?;
    Ok(samples)
}
