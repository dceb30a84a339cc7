//! A stand-in for the running server. Its clients post, reply, like, boost, vote, edit, follow, pin
//! and delete, in the server's own order of statements, and often on the very rows that a run works
//! on. It records the outcome of each transaction.
//!
//! It follows Pleroma of October 2024: an object's whole document is read, and written back some
//! statements later. Two of its own clients never do that to one object simultaneously, as the
//! server's might. So anything wrong at the end was caused by another program.

mod acts;
mod people;
mod posts;
mod reactions;
mod relations;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::{Mutex, MutexGuard};
use tokio::task::JoinSet;
use tokio::time::sleep;

use acts::{Act, Client};
use people::People;

/// Load that the stand-in generates.
#[derive(Debug, Clone)]
pub struct StandIn {
    /// Number of concurrent clients.
    pub clients: u32,
    /// Average pause of a client between two transactions.
    pub pause: Duration,
    /// Seed: the same seed makes the same choices, as long as the rows are the same.
    pub seed: u64,
    /// Nickname of the account that most acts concern.
    pub account: String,
}

/// Outcomes of the transactions.
#[derive(Debug, Default)]
pub struct Outcomes {
    /// Committed transactions, by act.
    pub done: BTreeMap<&'static str, u64>,
    /// Transactions that came too late: their subject no longer existed.
    pub gone: u64,
    /// Transactions that PostgreSQL refused or ended: a user would have seen an error page.
    pub lost: Vec<String>,
    /// Durations of the committed transactions.
    pub latencies: Vec<Duration>,
}

impl Outcomes {
    /// Adds other outcomes to these.
    pub fn add(&mut self, other: Self) {
        for (act, times) in other.done {
            *self.done.entry(act).or_default() += times;
        }
        self.gone += other.gone;
        self.lost.extend(other.lost);
        self.latencies.extend(other.latencies);
    }

    /// Returns the number of committed transactions.
    pub fn committed(&self) -> u64 {
        self.done.values().sum()
    }

    /// Returns the longest duration of a committed transaction.
    pub fn longest(&self) -> Duration {
        self.latencies.iter().max().copied().unwrap_or_default()
    }
}

/// A running stand-in; drop stops it.
#[derive(Debug)]
pub struct AtWork {
    enough: Arc<AtomicBool>,
    clients: JoinSet<Result<Outcomes>>,
}

impl StandIn {
    /// Connects the clients to a database with a [`Community`](crate::Community), and starts them.
    pub async fn start(&self, url: &str) -> Result<AtWork> {
        let options: PgConnectOptions = url.parse()?;
        // A name that ostrakon does not take for one of its own.
        let options = options.application_name("server");
        let mut db = options.connect().await?;
        let people = Arc::new(People::read(&mut db, &self.account).await?);
        db.close().await?;
        let turns = Arc::new(Turns::default());
        let enough = Arc::new(AtomicBool::new(false));
        let mut clients = JoinSet::new();
        for number in 0..self.clients {
            let client = Client {
                db: options.connect().await.context("a client cannot connect")?,
                people: Arc::clone(&people),
                turns: Arc::clone(&turns),
                random: StdRng::seed_from_u64(
                    self.seed.wrapping_mul(1_000).wrapping_add(number.into()),
                ),
            };
            clients.spawn(work(client, self.pause, Arc::clone(&enough)));
        }
        Ok(AtWork { enough, clients })
    }
}

impl AtWork {
    /// Stops all clients after this time; each finishes its current transaction.
    pub fn end_after(&self, span: Duration) {
        let enough = Arc::clone(&self.enough);
        tokio::spawn(async move {
            sleep(span).await;
            enough.store(true, Ordering::Relaxed);
        });
    }

    /// Lets all clients finish their current transactions, and returns the outcomes of all of them.
    pub async fn finish(mut self) -> Result<Outcomes> {
        self.enough.store(true, Ordering::Relaxed);
        let mut all = Outcomes::default();
        while let Some(client) = self.clients.join_next().await {
            all.add(client??);
        }
        Ok(all)
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.enough.store(true, Ordering::Relaxed);
    }
}

/// Runs one client: one transaction after the other.
async fn work(mut client: Client, pause: Duration, enough: Arc<AtomicBool>) -> Result<Outcomes> {
    let mut outcomes = Outcomes::default();
    while !enough.load(Ordering::Relaxed) {
        let act = Act::choose(&mut client.random);
        let begun = Instant::now();
        match client.perform(act).await {
            Ok(true) => {
                *outcomes.done.entry(act.name()).or_default() += 1;
                outcomes.latencies.push(begun.elapsed());
            }
            Ok(false) => outcomes.gone += 1,
            Err(sqlx::Error::Database(error)) => {
                let (name, code) = (act.name(), error.code().unwrap_or_default());
                outcomes.lost.push(format!("{name}: {code} {}", error.message()));
            }
            Err(error) => return Err(error).context("a client of the stand-in failed"),
        }
        let part = f64::from(client.random.random_range(0..2_000_u32)) / 1_000.0;
        sleep(pause.mul_f64(part)).await;
    }
    client.db.close().await?;
    Ok(outcomes)
}

/// Locks that give clients turns at an object or account.
#[derive(Debug)]
struct Turns(Vec<Mutex<()>>);

impl Default for Turns {
    fn default() -> Self {
        Self((0..256).map(|_| Mutex::default()).collect())
    }
}

impl Turns {
    /// Waits until no other client has its turn at any of these.
    async fn at(&self, keys: &[&str]) -> Vec<MutexGuard<'_, ()>> {
        let mut places: Vec<usize> = keys.iter().map(|key| self.place(key)).collect();
        places.sort_unstable();
        places.dedup();
        let mut turns = Vec::with_capacity(places.len());
        for place in places {
            turns.push(self.0[place].lock().await);
        }
        turns
    }

    fn place(&self, key: &str) -> usize {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        usize::try_from(hasher.finish()).unwrap_or_default() % self.0.len()
    }
}
