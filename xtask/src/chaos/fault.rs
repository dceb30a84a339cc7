//! What can go wrong, and in which order it does.

use rand::{RngExt as _, rngs::StdRng, seq::SliceRandom as _};

/// A fault that is made on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(super) enum Fault {
    /// A worker is killed at a random moment.
    WorkerKill,
    /// A worker dies at a named place of the loop.
    WorkerFailpoint,
    /// A worker is frozen for longer than its lease, and thawed.
    WorkerZombie,
    /// A worker is told to stop.
    WorkerTerm,
    /// A worker's clock jumps by an hour.
    WorkerClock,
    /// Redis is killed and started again.
    RedisKill,
    /// Redis loses everything.
    RedisFlush,
    /// Redis cuts every connection.
    RedisClientKill,
    /// Redis has no memory left.
    RedisMemory,
    /// Redis takes no writes.
    RedisReadonly,
    /// Redis does not answer for 12 s.
    RedisFreeze,
    /// 10,000 messages are due at once.
    RedisBacklog,
    /// Somebody writes nonsense and forgeries into the queues.
    RedisGarbage,
    /// PostgreSQL is stopped as by a crash, and started again.
    PostgresStop,
    /// Some of our connections are ended by PostgreSQL.
    PostgresTerminate,
    /// A batch and somebody else wait for each other.
    PostgresDeadlock,
    /// A row that a batch needs is held for longer than it waits.
    PostgresLock,
    /// A statement takes longer than it may.
    PostgresSlow,
    /// There are no connections left.
    PostgresConnections,
    /// The disk is full.
    PostgresFull,
    /// The network between a worker and both servers is slow.
    NetworkSlow,
    /// The network cuts connections.
    NetworkReset,
    /// The network swallows everything.
    NetworkHole,
    /// An operator pauses a run and lets it go on.
    OperatorPause,
    /// An operator cancels a run and has it tried again.
    OperatorCancel,
    /// Many clients ask for the same at once.
    OperatorCrowd,
}

impl Fault {
    /// How often it is in a round of the schedule. With these numbers half an hour of chaos makes as
    /// many faults as docs/reliability.md promises.
    const fn weight(self) -> usize {
        match self {
            Self::WorkerKill => 60,
            Self::WorkerFailpoint => 20,
            Self::WorkerZombie | Self::RedisKill | Self::PostgresTerminate => 8,
            Self::RedisFlush | Self::PostgresStop => 2,
            _ => 1,
        }
    }

    /// What it is called on the command line and in the report.
    pub(super) fn name(self) -> String {
        use clap::ValueEnum as _;
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    fn all() -> &'static [Self] {
        use clap::ValueEnum as _;
        Self::value_variants()
    }
}

/// Faults in random order, each as often as its weight says; shuffled anew when all are drawn.
#[derive(Debug)]
pub(super) struct FaultSchedule {
    faults: Vec<Fault>,
    drawn: usize,
    first: bool,
}

impl FaultSchedule {
    /// Only these; all when none is named.
    pub(super) fn of(only: &[Fault]) -> Self {
        let faults = if only.is_empty() { Fault::all().to_vec() } else { only.to_vec() };
        // The first round holds each fault once: also a short run goes through all of them.
        Self { faults, drawn: 0, first: true }
    }

    /// Gives the next fault and the number that decides about its victim.
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
