//! Moments at which the machine's disk stalled, regardless of the writer. A virtual disk
//! occasionally stalls for hundredths or tenths of a second, and a p99 would show nothing else.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::task::{JoinHandle, spawn_blocking};

use super::latency::Sample;

/// Minimum duration of a durable write of one page that counts as a stall. It is about thirty times
/// the normal duration, and longer than the write waits for a batch of ostrakon to be written.
const STALL: Duration = Duration::from_millis(10);

/// Interval between two writes.
const PERIOD: Duration = Duration::from_millis(4);

/// A stall of the disk: its start and its duration.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stall {
    begun: Instant,
    pub(super) lasted: Duration,
}

impl Stall {
    /// Whether a transaction owes at least half of its duration to the stall. Transactions that
    /// arrived during the stall are worked off after it, so it counts for twice its duration.
    pub(super) fn explains(&self, sample: &Sample) -> bool {
        let end = self.begun + self.lasted * 2;
        let begun = sample.due.max(self.begun);
        let ended = (sample.due + sample.latency).min(end);
        ended.saturating_duration_since(begun) * 2 >= sample.latency.max(Duration::from_nanos(1))
    }
}

/// Repeatedly writes a page of a file of its own.
#[derive(Debug)]
pub(super) struct Watch {
    enough: Arc<AtomicBool>,
    stalls: JoinHandle<io::Result<Vec<Stall>>>,
}

impl Watch {
    /// Starts, on the disk that also holds PostgreSQL's private folder: that of temporary files.
    pub(super) fn start() -> Result<Self> {
        let file = tempfile::tempfile().context("there is no room for temporary files")?;
        let enough = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&enough);
        Ok(Self { enough, stalls: spawn_blocking(move || watch(&file, &seen)) })
    }

    /// Stops, and returns the stalls.
    pub(super) async fn finish(mut self) -> Result<Vec<Stall>> {
        self.enough.store(true, Ordering::Relaxed);
        (&mut self.stalls).await?.context("a temporary file cannot be written")
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.enough.store(true, Ordering::Relaxed);
    }
}

#[expect(clippy::disallowed_methods, reason = "on a thread that does nothing else")]
fn watch(file: &File, enough: &AtomicBool) -> io::Result<Vec<Stall>> {
    let page = [0; 4096];
    let mut stalls = Vec::new();
    while !enough.load(Ordering::Relaxed) {
        let begun = Instant::now();
        file.write_all_at(&page, 0)?;
        file.sync_data()?;
        let lasted = begun.elapsed();
        if lasted >= STALL {
            stalls.push(Stall { begun, lasted });
        }
        thread::sleep(PERIOD);
    }
    Ok(stalls)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::load::Kind;

    #[test]
    fn a_stall_explains_what_waited_for_little_else() {
        let noon = Instant::now();
        let second = Duration::from_secs(1);
        let stall = Stall { begun: noon + second * 100, lasted: second * 10 };
        let explained = |due: u32, latency: u32| {
            let (due, latency) = (noon + second * due, second * latency);
            stall.explains(&Sample { kind: Kind::Post, due, latency, failed: false })
        };
        assert!(explained(99, 12), "it began before, and ended after");
        assert!(explained(105, 1), "within");
        assert!(explained(112, 3), "worked off afterwards");
        assert!(!explained(90, 10), "it was over before");
        assert!(!explained(120, 1), "it came afterwards");
        assert!(!explained(60, 60), "it waited for something else for longer");
    }
}
