//! Faults, and the order in which they happen.

use rand::{RngExt as _, rngs::StdRng, seq::SliceRandom as _};

/// A fault that is injected on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(super) enum Fault {
    /// A worker is killed at a random moment.
    WorkerKill,
    /// A worker dies at a fail point of the loop.
    WorkerFailpoint,
    /// A worker is frozen for longer than its lease, and resumed.
    WorkerZombie,
    /// A worker receives SIGTERM.
    WorkerTerm,
    /// A worker's clock jumps by an hour.
    WorkerClock,
    /// Redis is killed and restarted.
    RedisKill,
    /// Redis loses all data.
    RedisFlush,
    /// Redis cuts every connection.
    RedisClientKill,
    /// Redis has no memory left.
    RedisMemory,
    /// Redis refuses writes.
    RedisReadonly,
    /// Redis does not answer for 12 s.
    RedisFreeze,
    /// 10,000 messages are due simultaneously.
    RedisBacklog,
    /// The queues receive garbage and forgeries.
    RedisGarbage,
    /// PostgreSQL stops like a crash, and is restarted.
    PostgresStop,
    /// PostgreSQL ends some of ostrakon's connections.
    PostgresTerminate,
    /// A batch and another session wait for each other.
    PostgresDeadlock,
    /// A row that a batch needs is locked for longer than the batch waits.
    PostgresLock,
    /// A statement exceeds its time-out.
    PostgresSlow,
    /// No connections are left.
    PostgresConnections,
    /// The disk is full.
    PostgresFull,
    /// The network between a worker and both servers is slow.
    NetworkSlow,
    /// The network cuts connections.
    NetworkReset,
    /// The network loses all data.
    NetworkHole,
    /// An operator pauses and resumes a run.
    OperatorPause,
    /// An operator cancels and retries a run.
    OperatorCancel,
    /// Many clients request the same simultaneously.
    OperatorCrowd,
}

impl Fault {
    /// Frequency of a fault in a round of the schedule. With these numbers, half an hour of chaos
    /// injects as many faults as docs/reliability.md reports.
    const fn weight(self) -> usize {
        match self {
            Self::WorkerKill => 60,
            Self::WorkerFailpoint => 20,
            Self::WorkerZombie | Self::RedisKill | Self::PostgresTerminate => 8,
            Self::RedisFlush | Self::PostgresStop => 2,
            _ => 1,
        }
    }

    /// Returns its name on the command line and in the report.
    pub(super) fn name(self) -> String {
        use clap::ValueEnum as _;
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    fn all() -> &'static [Self] {
        use clap::ValueEnum as _;
        Self::value_variants()
    }
}

/// Faults in random order, each as often as its weight says. They are shuffled again after all are
/// drawn.
#[derive(Debug)]
pub(super) struct FaultSchedule {
    faults: Vec<Fault>,
    drawn: usize,
    first: bool,
}

impl FaultSchedule {
    /// Creates a schedule of the given faults; all faults if the list is empty.
    pub(super) fn of(only: &[Fault]) -> Self {
        let faults = if only.is_empty() { Fault::all().to_vec() } else { only.to_vec() };
        // The first round contains each fault once, so even a short run covers all of them.
        Self { faults, drawn: 0, first: true }
    }

    /// Draws the next fault and the random number that selects its victim.
    pub(super) fn draw(&mut self, random: &mut StdRng) -> (Fault, u64) {
        if self.drawn.is_multiple_of(self.faults.len()) {
            if self.drawn > 0 && self.first {
                self.first = false;
                let weighted = |fault: &Fault| vec![*fault; fault.weight()];
                self.faults = self.faults.iter().flat_map(weighted).collect();
                self.drawn = 0;
            }
            self.faults.shuffle(random);
        }
        let fault = self.faults[self.drawn % self.faults.len()];
        self.drawn += 1;
        (fault, random.random())
    }

    /// Whether every fault was drawn at least once.
    pub(super) fn is_drawn_through(&self) -> bool {
        !self.first || self.drawn >= self.faults.len()
    }
}
